"""The local Slack's web page, used by its visible labels."""

from __future__ import annotations

from typing import Any

from tools.chromium import Page

COMPOSER = ".main textarea.composer-input"
MODAL = ".modal .modal-title"
SUBMIT = ".modal .modal-btn.primary"

_CLICK = """(where, words) => {
  const seen = [...document.querySelectorAll(where)].filter((e) => e.innerText.trim().includes(words));
  if (!seen.length) return false;
  seen[0].click();
  return true;
}"""
_BUTTON = """(about, label) => {
  const all = [...document.querySelectorAll('.messages .msg')].filter((m) => m.innerText.includes(about));
  const buttons = all.flatMap((m) => [...m.querySelectorAll('button.bk-button')]);
  const found = buttons.filter((b) => b.innerText.trim() === label);
  if (!found.length) return false;
  found[0].click();
  return true;
}"""
_ACT_AS = """(user) => {
  const label = [...document.querySelectorAll('label.actas')].find((l) => l.innerText.includes('Act as'));
  if (!label) return false;
  const select = label.querySelector('select');
  select.value = user;
  select.dispatchEvent(new Event('change', {bubbles: true}));
  return select.value === user;
}"""
_CHOOSE = """(question, answer) => {
  const inputs = [...document.querySelectorAll('.modal .bk-input')];
  const field = inputs.find((i) => i.innerText.includes(question));
  const option = field && [...field.querySelectorAll('label')].find(
    (l) => l.querySelector('input') && l.innerText.trim().startsWith(answer));
  if (!option) return false;
  option.querySelector('input').click();
  return true;
}"""
_SEEN = """(about, words) => [...document.querySelectorAll('.messages .msg')].some(
  (m) => m.innerText.includes(about) && m.innerText.includes(words))"""
_THREAD = """(about) => {
  const all = [...document.querySelectorAll('.messages .msg')];
  const link = all.find((m) => m.innerText.includes(about))?.querySelector('.thread-summary');
  if (!link) return false;
  link.click();
  return true;
}"""
_FOCUS = """(where) => {
  const field = document.querySelector(where);
  if (!field) return false;
  field.focus();
  field.select();
  return document.activeElement === field;
}"""
_MODAL = """() => {
  const modal = document.querySelector('.modal');
  return modal && modal.innerText + [...modal.querySelectorAll('input')].map((i) => i.value).join(' ');
}"""


class Client:
    """The one window; `acts_as` changes who sits before it."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def opens(self, address: str) -> None:
        await self._page.set_viewport(1280, 900)
        await self._page.go(address)
        await self._does("composer", "(where) => !!document.querySelector(where)", COMPOSER)

    async def shows_in_its_title(self, words: str) -> None:
        await self._does(f"title {words}", "(words) => document.title.includes(words)", words)

    async def acts_as(self, user: str) -> None:
        await self._does(f"person {user}", _ACT_AS, user)

    async def enters(self, channel: str) -> None:
        await self._does(f"channel {channel}", _CLICK, ".sidebar-item", channel)
        title = "(name) => document.querySelector('.channel-title')?.innerText.includes(name)"
        await self._does(f"title {channel}", title, channel)

    async def says(self, text: str) -> None:
        await self._does("composer", _FOCUS, COMPOSER)
        await self._page.type(text)
        await self._page.enter()

    async def form(self) -> str:
        """The words of the open form and what is filled in."""
        return str(await self._does("form", _MODAL))

    async def chooses(self, question: str, answer: str) -> None:
        await self._does(f"answer {answer!r} to {question!r}", _CHOOSE, question, answer)

    async def sends(self) -> None:
        await self._does("button that sends", _CLICK, SUBMIT, "")

    async def sends_for_good(self) -> None:
        await self.sends()
        await self._does("closed form", "() => !document.querySelector('.modal')")

    async def faults(self) -> str:
        """What the form objects to."""
        errors = "() => [...document.querySelectorAll('.modal-error')].map((e) => e.innerText).join('; ')"
        return str(await self._does("complaint about the form", errors))

    async def fills(self, text: str) -> None:
        """The open form's one text, sent."""
        await self._does("text field", _FOCUS, ".modal .bk-plain-input")
        await self._page.type(text)
        await self.sends_for_good()

    async def presses(self, about: str, label: str) -> None:
        await self._does(f"button {label} on {about}", _BUTTON, about, label)

    async def sees(self, about: str, words: str) -> None:
        await self._does(f"{words!r} on {about}", _SEEN, about, words)

    async def opens_thread(self, about: str) -> None:
        await self._does(f"thread of {about}", _THREAD, about)

    async def reads(self, words: str) -> None:
        """In the open thread."""
        thread = "(words) => document.querySelector('.thread-pane')?.innerText.includes(words)"
        await self._does(f"{words!r} in the thread", thread, words)

    async def _does(self, what: str, script: str, *given: Any) -> Any:
        return await self._page.until(what, script, *given)
