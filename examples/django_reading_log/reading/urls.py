"""The URLs of the app."""

from __future__ import annotations

from django.urls import path

from reading import views

urlpatterns = [
    path("readers/", views.readers, name="readers"),
    path("readers/<name>/", views.reader, name="reader"),
    path("readers/<name>/entries/", views.entries, name="entries"),
    path("readers/<name>/log/", views.log, name="log"),
]
