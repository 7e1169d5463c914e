"""Many tokens at once: previewed, then paused, revoked, resumed, or given other networks (B18)."""

from simsim.account_log.selection_networks import document, preview_networks_of
from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.incident import TAG
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.api.selection_documents import (
    ChangeNetworks,
    EditedTokens,
    NetworksPreviewDocument,
    PreviewNetworks,
    ResumedTokens,
    ResumeTokens,
    SelectionFilters,
    StoppedTokens,
    StopTokens,
    TokenSelectionDocument,
    filter_of,
)
from simsim.audit.events import Event
from simsim.problem import AccountClosed, SelectionChanged
from simsim.tokens import token_selection
from simsim.tokens.selection_acts import Act, Change
from simsim.tokens.selection_change import change_selection
from simsim.tokens.token_selection import select_tokens

PATH = "/accounts/{account_id}/token-selection"


@operation(
    "POST", PATH + "/preview", tag=TAG, scopes=READ, permission=Permission.VIEW_TOKENS,
    audit="A preview changes nothing.", body=SelectionFilters, answer=TokenSelectionDocument,
)  # fmt: skip
def preview_selection(call: Call, body: SelectionFilters) -> Answer:
    """Return the tokens that meet the filters and have not ended."""
    selection = select_tokens(call.account, actor=call.actor, chosen=filter_of(body), now=call.now)
    return Answer(token_selection.document(selection, call.now))


@operation(
    "POST", PATH + "/stop", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.SELECTION_STOPPED, body=StopTokens, answer=StoppedTokens, needs_recent=True,
    problems=(SelectionChanged, AccountClosed),
)  # fmt: skip
def stop_tokens(call: Call, body: StopTokens) -> Answer:
    """Pause or revoke the previewed tokens, and send each administrator one email.

    Nothing is stopped if the selection is no longer the one that was previewed. Tokens that are paused without end
    already are not paused again.
    """
    return changed(call, body, body.fingerprint, Change(Act(body.act), body.reason))


@operation(
    "POST", PATH + "/resume", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.SELECTION_RESUMED, body=ResumeTokens, answer=ResumedTokens, needs_recent=True,
    problems=(SelectionChanged, AccountClosed),
)  # fmt: skip
def resume_tokens(call: Call, body: ResumeTokens) -> Answer:
    """Resume those of the previewed tokens that are paused, and send each administrator one email."""
    return changed(call, body, body.fingerprint, Change(Act.RESUME))


@operation(
    "POST", PATH + "/networks-preview", tag=TAG, scopes=READ, permission=Permission.VIEW_LOG,
    audit="A preview changes nothing.", body=PreviewNetworks, answer=NetworksPreviewDocument,
)  # fmt: skip
def preview_selection_networks(call: Call, body: PreviewNetworks) -> Answer:
    """Return how many requests of the last 30 days would have been refused if the tokens had had these networks."""
    change = Change(Act.NETWORKS, networks=body.allowed_networks, adds=body.adds)
    selection = select_tokens(call.account, actor=call.actor, chosen=filter_of(body), now=call.now)
    found = preview_networks_of(
        call.account, actor=call.actor, selection=selection, change=change, now=call.now
    )  # fmt: skip
    return Answer(document(found))


@operation(
    "POST", PATH + "/networks", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.SELECTION_NETWORKS, body=ChangeNetworks, answer=EditedTokens, needs_recent=True,
    problems=(SelectionChanged, AccountClosed),
)  # fmt: skip
def change_networks(call: Call, body: ChangeNetworks) -> Answer:
    """Replace the allowed networks of the previewed tokens, or add to them, and send each administrator one email."""
    change = Change(Act.NETWORKS, networks=body.allowed_networks, adds=body.adds)
    return changed(call, body, body.fingerprint, change)


def changed(call: Call, body: SelectionFilters, fingerprint: str, change: Change) -> Answer:
    done = change_selection(
        actor=call.actor, account=call.account, change=change, chosen=filter_of(body), fingerprint=fingerprint,
        now=call.now,
    )  # fmt: skip
    return Answer(done.document())
