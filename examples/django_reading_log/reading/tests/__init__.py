"""The tests of the app: ``python manage.py test``."""
