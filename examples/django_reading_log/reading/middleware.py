"""What the mapper raises, as answers."""

from __future__ import annotations

import json

from django.http import HttpRequest, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from cqlengine import ValidationError
from cqlengine.query import DoesNotExist


class MapperErrors(MiddlewareMixin):
    """Make a 404 of a row that is not there, and a 400 of values that do not fit a column."""

    def process_exception(self, request: HttpRequest, error: Exception) -> JsonResponse | None:
        """Return the answer, or None: then Django deals with the error."""
        if isinstance(error, DoesNotExist):
            return JsonResponse({"error": f"{request.path} is not there"}, status=404)
        if isinstance(error, ValidationError | json.JSONDecodeError):
            return JsonResponse({"error": str(error)}, status=400)
        return None
