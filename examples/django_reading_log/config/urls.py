"""The URLs of the site: all of them are the app's."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("", include("reading.urls"))]
