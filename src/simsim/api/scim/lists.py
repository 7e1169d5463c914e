"""Lists of SCIM resources: filtered, sorted, and by page (RFC 7644, section 3.4.2)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpResponse
from scim2_models import Context, ListResponse, Resource, ResponseParameters, SearchRequest
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from simsim.accounts.models import normal_email
from simsim.api.scim.endpoint import MEDIA_TYPE, ScimCall
from simsim.problem import BadRequest

DEFAULT_COUNT, MAX_COUNT = 100, 1000
Row = TypeVar("Row", bound=Model)
# Attributes by which the database finds the rows; a filter on anything else reads all of the account's.
COLUMNS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "username": ("user__email", normal_email),
    "externalid": ("external_id", str),
    "displayname": ("name__iexact", str),
}


def one(call: ScimCall, resource: Resource[Any], *, status: int = 200, context: Context) -> HttpResponse:
    """Return one resource, with the attributes that the client wants."""
    wanted = ResponseParameters[type(resource)].model_validate(query_of(call))  # type: ignore[misc]
    body = resource.model_dump_json(scim_ctx=context, response_parameters=wanted)
    response = HttpResponse(body, status=status, content_type=MEDIA_TYPE)
    if resource.meta and resource.meta.location:
        response.headers["Location" if status == 201 else "Content-Location"] = str(resource.meta.location)
    return response


def page(
    call: ScimCall, rows: "QuerySet[Row]", build: Callable[[Row], Resource[Any]], kind: type[Resource[Any]],
    columns: frozenset[str],
) -> HttpResponse:  # fmt: skip
    """Return a page of resources; `columns` are the attributes that the database can find them by."""
    given = call.body() if call.request.method == "POST" else query_of(call)
    context = Context.SEARCH_REQUEST if call.request.method == "POST" else Context.RESOURCE_QUERY_REQUEST
    search: Any = SearchRequest[kind].model_validate(given, scim_ctx=context)  # type: ignore[valid-type]
    first = search.start_index_0 or 0
    count = min(DEFAULT_COUNT if search.count is None else search.count, MAX_COUNT)
    if search.filter is None and search.sort_by is None:
        total, found = rows.count(), [build(row) for row in rows[first : first + count]]
    else:
        conditions = conditions_of(search.filter.ast, columns) if search.filter else {}
        resources = [build(row) for row in rows.filter(**conditions)]
        matching = [each for each in resources if search.filter is None or search.filter.match(each)]
        total, found = len(matching), search.sort(matching)[first : first + count]
    answer = ListResponse[kind](  # type: ignore[valid-type]
        total_results=total, start_index=first + 1, items_per_page=len(found), resources=found
    )
    body = answer.model_dump_json(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=search)
    return HttpResponse(body, content_type=MEDIA_TYPE)


def conditions_of(node: FilterNode, columns: frozenset[str]) -> dict[str, str]:
    """Return conditions that every row must meet, as far as the database knows them; the filter itself decides."""
    if isinstance(node, LogicalExpr) and node.op == LogicalOperator.and_:
        found: dict[str, str] = {}
        for term in node.terms:
            found = conditions_of(term, columns) | found
        return found
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or node.attr_path.sub_attr is not None:
        return {}
    name = node.attr_path.attr.lower()
    if name not in columns or not isinstance(node.value, str) or "\0" in node.value:
        return {}
    column, normal = COLUMNS[name]
    return {column: normal(node.value)}


def query_of(call: ScimCall) -> dict[str, str]:
    """Return the query's parameters; raise BadRequest for one that was given twice."""
    if any(len(values) > 1 for _, values in call.request.GET.lists()):
        raise BadRequest
    return call.request.GET.dict()
