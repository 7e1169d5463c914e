"""Form fields without Django's forms: label, control, error, hint and help, connected for screen readers."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.template import Context, Engine, Node, NodeList
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.utils.html import format_html
from django.utils.safestring import SafeString

TEMPLATE = "console/parts/field.html"


@dataclass(frozen=True)
class Field:
    """One field of a form.

    A live field is checked while people type, so its error always has an element. The link comes after the error.
    `focus` is the id of the form's control that gets the focus.
    """

    name: str
    label: str
    error: str = ""
    help: str = ""
    hint: str | None = None
    is_optional: bool = False
    is_live: bool = False
    frame: str = "field"
    link: str = ""
    link_text: str = ""
    focus: str = ""

    @property
    def id(self) -> str:
        return f"id_{self.name}"

    @property
    def input(self) -> SafeString:
        """The attributes of an `<input>` or a `<textarea>`."""
        return self._attributes("form-control")

    @property
    def select(self) -> SafeString:
        """The attributes of a `<select>`."""
        return self._attributes("form-select")

    def _attributes(self, look: str) -> SafeString:
        texts = {"error": self.error or self.is_live, "hint": self.hint is not None, "help": self.help}
        described = " ".join(f"{self.id}_{part}" for part, is_there in texts.items() if is_there)
        return format_html(
            '{}id="{}" name="{}"{}{}{}',
            format_html('class="{}" ', f"{look} is-invalid" if self.error and not self.is_live else look),
            self.id,
            self.name,
            format_html(' aria-describedby="{}"', described) if described else "",
            SafeString(' aria-invalid="true"') if self.error else "",
            SafeString(" autofocus") if self.focus == self.id else "",
        )


class FieldNode(Node):
    """A field around the control between `{% field %}` and `{% endfield %}`."""

    def __init__(self, name: FilterExpression, options: Mapping[str, FilterExpression], control: NodeList) -> None:
        self.name, self.options, self.control = name, options, control

    def render(self, context: Context) -> SafeString:
        options = {option: value.resolve(context) for option, value in self.options.items()}
        with context.push(field=Field(self.name.resolve(context), **options)):
            context["control"] = self.control.render(context)
            return Engine.get_default().get_template(TEMPLATE).render(context)


def field(parser: Parser, token: Token) -> FieldNode:
    """Wrap a control: `{% field "name" label=_("Name") error=error %}<input {{ field.input }}>{% endfield %}`.

    The options are those of `Field`. A `<select>` takes `{{ field.select }}`.
    """
    _, name, *bits = token.split_contents()
    control = parser.parse(("endfield",))
    parser.delete_first_token()
    return FieldNode(parser.compile_filter(name), token_kwargs(bits, parser), control)
