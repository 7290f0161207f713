"""A JSON API, and one page of HTML.

`readers`, `reader` and `log` are ordinary views; `entries` is an async one. Both kinds use the
same models: what waits has a twin with an ``a`` before its name, and query sets are read by
``for`` or by ``async for``.
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from cqlengine import ValidationError
from cqlengine.functions import Token
from cqlengine.query import LWTException
from reading.models import Book, Entry, PagesRead, Reader

PAGE = 20
"""Rows in an answer."""


@require_http_methods(["GET", "POST"])
def readers(request: HttpRequest) -> JsonResponse:
    """List all readers, or let one join."""
    if request.method == "POST":
        return _join(_body(request, "name"))
    found = Reader.objects.limit(PAGE)
    if after := request.GET.get("after"):
        # Partitions are in the order of their tokens: the next page begins behind the last one's.
        found = found.filter(pk__token__gt=Token(after))
    names = [each.name for each in found]
    return JsonResponse({"readers": names, "next": names[-1] if len(names) == PAGE else None})


def _join(body: dict[str, Any]) -> JsonResponse:
    try:
        # The nodes agree on who was first. Without the condition it would overwrite.
        created = Reader.if_not_exists().create(**_chosen(body, "name", "interests"))
    except LWTException:
        return JsonResponse({"error": f"{body['name']} is taken"}, status=409)
    return JsonResponse(_as_json(created), status=201)


@require_http_methods(["GET", "PATCH"])
def reader(request: HttpRequest, name: str) -> JsonResponse:
    """Show a reader, or change the interests: ``{"add": [...], "remove": [...]}``."""
    if request.method == "PATCH":
        change = _body(request)
        try:
            # Only the difference is sent, so two who add at the same time lose nothing.
            Reader.objects(name=name).if_exists().update(
                interests__add=change.get("add"), interests__remove=change.get("remove")
            )
        except LWTException as error:
            raise Reader.DoesNotExist(name) from error
    return JsonResponse(_as_json(Reader.get(name=name)))


@require_http_methods(["GET", "POST"])
async def entries(request: HttpRequest, name: str) -> JsonResponse:
    """Show what somebody has read, newest first, or write an entry.

    ``{"title": "Emma", "author": "Jane Austen", "pages": 12, "quotes": [], "keep": 3600}``: with
    ``keep`` the entry is gone after so many seconds.
    """
    await Reader.aget(name=name)
    if request.method == "POST":
        return await _write(name, _body(request, "title", "pages"))
    found = [_entry(each) async for each in _page(request, name)]
    return JsonResponse({"entries": found, "next": _next([each["id"] for each in found])})


async def _write(name: str, body: dict[str, Any]) -> JsonResponse:
    keep = body.get("keep", 0)
    if not isinstance(keep, int) or keep < 0:
        raise ValidationError("keep is a number of seconds")
    book = Book(**_chosen(body, "title", "author"))
    values = _chosen(body, "pages", "quotes")
    entry = await Entry.ttl(keep).acreate(reader=name, book=book, **values)
    # To set a counter is to add to it.
    await PagesRead.objects(reader=name, title=book.title).aupdate(pages=entry.pages)
    return JsonResponse(_entry(entry), status=201)


@require_GET
def log(request: HttpRequest, name: str) -> HttpResponse:
    """Show a page of the log to people."""
    found = list(_page(request, name))
    context = {
        "reader": Reader.get(name=name),
        "entries": found,
        "next": _next([str(each.id) for each in found]),
        "books": PagesRead.objects(reader=name),
    }
    return render(request, "reading/log.html", context)


def _page(request: HttpRequest, name: str) -> Any:
    """Return the entries behind the one that ``?before=`` names."""
    found = Entry.objects(reader=name).limit(PAGE)
    before = request.GET.get("before")
    # What is no id of an entry is a ValidationError, as any other value that does not fit.
    return found.filter(id__lt=before) if before else found


def _next(ids: list[str]) -> str | None:
    """Return the token of the next page; None where this one is the last."""
    return ids[-1] if len(ids) == PAGE else None


def _body(request: HttpRequest, *needed: str) -> dict[str, Any]:
    body = json.loads(request.body)
    if not isinstance(body, dict) or not body.keys() >= set(needed):
        raise ValidationError(f"an object is needed that has {', '.join(needed) or 'any keys'}")
    return body


def _chosen(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return what is there of these: columns that are not named stay unset."""
    return {name: body[name] for name in names if name in body}


def _as_json(each: Reader) -> dict[str, Any]:
    return {"name": each.name, "interests": sorted(each.interests), "joined": each.joined}


def _entry(each: Entry) -> dict[str, Any]:
    return {
        "id": str(each.id),
        "title": each.book.title,
        "author": each.book.author,
        "pages": each.pages,
        "quotes": each.quotes,
        "read_at": each.read_at,
    }
