"""The console in a real browser: what a person sees and does there."""

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.console import answers, said
from tests.console.desk import Desk, open_desk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RAVI = "?as=ravi@example.com"
LENA = "?as=lena@example.com"

Window = Callable[..., Awaitable[Page]]
expect.set_options(timeout=10_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests of this file."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium.", pytrace=False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A console with one alert in #finops, which has a reply."""
    answers.effects.clear()
    async with open_desk(tmp_path) as desk:
        await desk.start()
        await desk.post("finops", "a1", said.alert())
        await desk.reply("a1", "a1.n1", said.news())
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def window(browser: Browser, desk: Desk) -> AsyncIterator[Window]:
    """Opens windows of one person each; whatever a page complains about or fetches elsewhere fails."""
    contexts = []
    wrong: list[str] = []
    tolerated: list[str] = []

    async def open_window(
        path: str = "/", *, tolerates: tuple[str, ...] = (), **options: Any
    ) -> Page:
        context = await browser.new_context(
            **{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **options}
        )
        contexts.append(context)
        page = await context.new_page()
        tolerated.extend(tolerates)
        page.on(
            "console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(desk.url) else wrong.append(r.url))
        await page.goto(desk.url + path)
        await expect(page.locator("#channels li")).not_to_have_count(0)
        await expect(page.locator("#messages")).to_have_attribute("aria-busy", "false")
        return page

    yield open_window
    for context in contexts:
        await context.close()
    assert [w for w in wrong if not any(t in w for t in tolerated)] == []


def alert(page: Page) -> Locator:
    """The alert in the channel's own column."""
    return page.locator("#messages article").first


def control(page: Page, name: str) -> Locator:
    """One of the alert's buttons."""
    return alert(page).get_by_role("button", name=name, exact=True)


async def test_a_press_is_seen_in_every_window_without_loading_again(window: Window) -> None:
    mine, theirs = await window(), await window("/" + LENA)
    await expect(alert(theirs).get_by_role("button", name="1 reply")).to_be_visible()
    await theirs.evaluate("window.sameDocument = true")
    await control(mine, "Investigating").click()
    for page in (mine, theirs):
        await expect(alert(page)).to_contain_text("Mara Okafor is looking into it (1).")
        await expect(alert(page)).to_contain_text("edited")
        await expect(alert(page).get_by_role("button", name="2 replies")).to_be_visible()
    await expect(mine.locator("#toasts")).to_contain_text("You are on it.")
    await expect(theirs.locator("#toasts")).to_be_empty()
    await expect(theirs.locator("#announcer")).to_contain_text("Changed in finops")
    assert await theirs.evaluate("window.sameDocument")


async def test_a_double_click_presses_once(window: Window) -> None:
    page = await window()
    await control(page, "Investigating").dblclick()
    await expect(alert(page)).to_contain_text("is looking into it (1).")
    await page.wait_for_timeout(400)
    assert answers.effects == {"a1": 1}


async def test_an_edit_keeps_the_focus_and_the_place(window: Window, desk: Desk) -> None:
    await desk.fill("finops", 12)
    page = await window()
    button = control(page, "Expected…")
    await button.focus()
    await page.evaluate("document.activeElement.scrollIntoView({block: 'center'})")
    before = await button.bounding_box()
    await desk.edit("a1", said.alert("a1", "Somebody changed this meanwhile."))
    await expect(alert(page)).to_contain_text("Somebody changed this meanwhile.")
    await expect(button).to_be_focused()
    await desk.post("finops", "later", said.news("Something new below"))
    await expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    after = await button.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 2, "what has the focus stays where it is"
    await page.get_by_role("button", name="1 new message").click()
    await expect(page.locator("#messages article").last).to_be_in_viewport()
    await expect(page.locator("#messages article").last).to_contain_text("Something new below")


async def test_buttons_stay_under_the_pointer_when_one_of_them_goes(window: Window) -> None:
    page = await window(viewport={"width": 1280, "height": 600})
    await control(page, "Expected…").scroll_into_view_if_needed()
    before = await control(page, "Expected…").bounding_box()
    await control(page, "Investigating").click()
    await expect(control(page, "Investigating")).to_have_count(0)
    await expect(alert(page)).to_be_focused()
    after = await control(page, "Expected…").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 2


async def test_a_form_shows_errors_at_their_fields_and_is_saved(window: Window) -> None:
    page = await window()
    await control(page, "Expected…").click()
    form = page.get_by_role("dialog", name="This was expected")
    why, until = form.get_by_label("Why was it expected?"), form.get_by_label("Quiet until")
    await expect(why).to_be_focused()
    await form.get_by_role("button", name="Save").click()
    await expect(why).to_have_attribute("aria-invalid", "true")
    await expect(why).to_have_accessible_description(re.compile("Please fill this in"))
    await why.fill("launch")
    await until.fill("2026-12-24")
    await form.get_by_role("button", name="Save").click()
    await expect(why).to_have_accessible_description(
        re.compile("Say it in a few words, so that others understand it")
    )
    await expect(why).to_be_focused()
    await expect(until).to_have_value("2026-12-24")
    await expect(until).not_to_have_attribute("aria-invalid", "true")
    await why.fill("planned launch of the new ranking")
    await page.keyboard.press("Tab")
    await form.get_by_role("button", name="Save").press("Enter")
    await expect(form).to_have_count(0)
    await expect(alert(page)).to_contain_text("Expected until 2026-12-24.")
    await expect(control(page, "Expected…")).to_be_focused()


async def test_choices_and_a_form_that_is_given_up(window: Window) -> None:
    page = await window()
    await control(page, "Resolve…").click()
    form = page.get_by_role("dialog", name="Resolve")
    await form.get_by_role("button", name="Resolve", exact=True).click()
    await expect(form.get_by_text("Please choose one.")).to_have_count(2)
    await form.get_by_label("Root cause").select_option("Runaway job or loop")
    await form.get_by_role("group", name="Can it happen again?").get_by_label("No").check()
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    await expect(control(page, "Resolve…")).to_be_focused()
    await expect(alert(page)).not_to_contain_text("Resolved:")


async def test_confirm_asks_first_and_the_refusal_is_private(window: Window) -> None:
    mine, theirs = await window(), await window("/" + LENA)
    await control(mine, "False alarm").click()
    question = mine.get_by_role("alertdialog", name="False alarm")
    await expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    await question.get_by_role("button", name="Cancel").click()
    await expect(mine.locator(".private")).to_have_count(0)
    await control(mine, "False alarm").click()
    await question.get_by_role("button", name="False alarm").click()
    card = alert(mine).get_by_role("region", name="Only you can see this")
    await expect(card).to_contain_text("Lena Fischer resolved this a minute ago.")
    await expect(theirs.locator(".private")).to_have_count(0)
    await card.get_by_role("button", name="Dismiss this answer").click()
    await expect(card).to_have_count(0)


async def test_a_menu_by_keyboard(window: Window) -> None:
    page = await window()
    await control(page, "Snooze").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("menuitem", name="1 day")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(control(page, "Snooze")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(alert(page)).to_contain_text("Quiet for 3 days.")


async def test_who_you_are_changes_what_you_may(window: Window) -> None:
    page = await window("/" + RAVI)
    await expect(page.locator(".mention-you")).to_have_count(0)
    await control(page, "Investigating").click()
    card = alert(page).get_by_role("region", name="Only you can see this")
    await expect(card).to_contain_text("you have executive")
    await page.get_by_role("button", name=re.compile("You are Ravi Menon")).click()
    await page.get_by_role("menuitemradio", name=re.compile("Mara Okafor")).click()
    await expect(page.get_by_role("button", name=re.compile("You are Mara Okafor"))).to_be_focused()
    await expect(card).to_have_count(0)  # what Ravi was told is not for Mara
    await expect(page.locator("#messages .mention-you")).to_have_text("@Mara Okafor")
    await control(page, "Investigating").click()
    await expect(alert(page)).to_contain_text("Mara Okafor is looking into it (1).")
    assert page.url.endswith("as=mara%40example.com") or "mara@example.com" in page.url
    await page.reload()
    await expect(page.get_by_role("button", name=re.compile("You are Mara Okafor"))).to_be_visible()


async def test_a_command_by_keyboard_alone(window: Window) -> None:
    page = await window()
    await page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Command")
    await expect(box).to_be_focused()
    await page.keyboard.type("tst rep")
    first = page.get_by_role("option").first
    await expect(first).to_contain_text("test report")
    await page.keyboard.press("ArrowDown")
    await expect(first).to_have_attribute("aria-selected", "true")
    await expect(box).to_have_attribute("aria-activedescendant", "suggestion-0")
    await page.keyboard.press("Enter")
    await expect(box).to_have_value("test report ")
    await page.keyboard.type("sea")
    await expect(page.get_by_role("option", name=re.compile("search.*team"))).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(box).to_have_value("test report search ")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await page.keyboard.press("Enter")
    card = page.locator("#messages > .private")
    await expect(card).to_contain_text("Spend of search this week")
    await expect(card.get_by_role("rowheader", name="recs-v2-retrain")).to_be_visible()
    await expect(card.locator("img.chart")).to_have_js_property("naturalWidth", 880)
    await expect(box).to_have_value("")
    await page.keyboard.press("ArrowUp")
    await expect(box).to_have_value("test report search")


async def test_an_unknown_command_is_answered_in_words(window: Window) -> None:
    page = await window()
    await page.keyboard.press("/")
    await page.keyboard.type("/tets report")
    await page.keyboard.press("Enter")
    card = page.locator("#messages > .private")
    await expect(card).to_contain_text("There is no command /tets here")
    await expect(card).to_contain_text("/tets report")


async def test_a_thread_opens_lives_and_closes(window: Window, desk: Desk) -> None:
    page = await window()
    await alert(page).get_by_role("button", name="1 reply").click()
    thread = page.get_by_role("complementary", name="Thread")
    await expect(thread).to_contain_text("Fourth day outside the band")
    await expect(page).to_have_url(re.compile(r"#/channel/finops/1/thread$"))
    await desk.reply("a1", "a1.n2", said.news("Fifth day outside the band."))
    await expect(thread).to_contain_text("Fifth day outside the band.")
    await expect(thread).to_contain_text("2 replies")
    await thread.get_by_role("button", name="Investigating").click()
    await expect(thread.locator("article").first).to_contain_text("is looking into it (1)")
    await page.keyboard.press("Escape")
    await expect(thread).to_be_hidden()
    await expect(page).to_have_url(re.compile(r"#/channel/finops$"))


async def test_a_link_leads_to_its_message_and_thread(window: Window, desk: Desk) -> None:
    await desk.fill("finops", 45)
    page = await window("/#/channel/finops/1")
    await expect(alert(page)).to_be_focused()
    await expect(alert(page)).to_be_in_viewport()
    await page.goto(f"{desk.url}/#/channel/finops/2")
    reply = page.locator("#thread-messages article").nth(1)
    await expect(reply).to_be_focused()
    await page.goto(f"{desk.url}/#/channel/nowhere")
    await expect(page.locator("#toasts")).to_contain_text("There is no channel called nowhere.")


async def test_older_messages_come_when_they_are_wanted(window: Window, desk: Desk) -> None:
    await desk.fill("search", 45)
    page = await window("/#/channel/search")
    articles = page.locator("#messages article")
    await expect(articles).to_have_count(30)
    await expect(articles.last).to_be_in_viewport()
    await page.locator("#scroller").evaluate("node => node.scrollTo(0, 0)")
    await expect(articles).to_have_count(45)
    await expect(page.get_by_text("News 15.")).to_be_in_viewport()  # the reader's place is kept


async def test_unread_channels_say_so(window: Window, desk: Desk) -> None:
    page = await window()
    search = page.get_by_role("link", name=re.compile("search"))
    await expect(search).not_to_contain_text("unread")
    await desk.post("search", "s1", said.flood())
    await expect(search).to_have_text(re.compile("1 unread"))
    await expect(page).to_have_title(re.compile(r"^\(1\) #finops · Northwind AI"))
    await search.click()
    await expect(page.get_by_role("heading", name="search", exact=True)).to_be_visible()
    await expect(page.get_by_role("cell", name="$12,400")).to_be_visible()
    await expect(search).not_to_contain_text("unread")
    await page.get_by_role("link", name="quiet-corner").click()
    await expect(page.get_by_text("Nothing in #quiet-corner yet")).to_be_visible()
    await desk.post("quiet-corner", "q1", said.news("The first one"))
    await expect(page.get_by_text("The first one").first).to_be_visible()
    await expect(page.get_by_text("Nothing in #quiet-corner yet")).to_be_hidden()


async def test_keys_lead_everywhere(window: Window, desk: Desk) -> None:
    await desk.post("finops", "f1", said.flood())
    page = await window()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the messages")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#messages article").nth(1)).to_be_focused()
    await page.keyboard.press("k")
    await expect(alert(page)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("complementary", name="Thread")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("]")
    await expect(page).to_have_url(re.compile("recommendations$"))
    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(keys).to_be_visible()
    await keys.get_by_label("Use single keys as shortcuts").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(keys).to_have_count(0)


async def test_the_chart_has_words_and_opens_larger(window: Window) -> None:
    page = await window()
    chart = alert(page).get_by_role("img", name=re.compile("about \\$2,500 a day until November 2"))
    await expect(chart).to_have_js_property("naturalWidth", 880)
    await alert(page).get_by_role("button", name=re.compile("Show the chart larger")).click()
    larger = page.get_by_role("dialog", name="Daily spend of recommendations-v2")
    await expect(larger).to_contain_text("about $2,500 a day")
    await larger.get_by_role("button", name="Close").click()
    await expect(larger).to_have_count(0)


async def test_dark_follows_the_system_and_the_toggle(window: Window) -> None:
    page = await window(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    chart = alert(page).locator("img.chart")
    assert await page.evaluate(ground) == "rgb(18, 20, 22)"
    await expect(chart).to_have_attribute("src", re.compile("theme=dark$"))
    await page.get_by_role("button", name="Colours: as the system").click()
    assert await page.evaluate(ground) == "rgb(251, 250, 247)"
    await expect(chart).to_have_attribute("src", re.compile("theme=light$"))
    await page.reload()
    await expect(page.get_by_role("button", name="Colours: light")).to_be_visible()
    assert await page.evaluate(ground) == "rgb(251, 250, 247)"


async def test_on_a_phone_nothing_is_cut_off(window: Window, desk: Desk) -> None:
    await desk.post("finops", "f1", said.flood())
    page = await window(viewport={"width": 375, "height": 720}, has_touch=True, is_mobile=True)
    wide = "document.documentElement.scrollWidth <= innerWidth"
    assert await page.evaluate(wide)
    sidebar = page.get_by_role("navigation")
    await expect(sidebar).to_be_hidden()
    await page.get_by_role("button", name="Show the channels").tap()
    await expect(sidebar).to_be_visible()
    await page.get_by_role("link", name="quiet-corner").tap()
    await expect(sidebar).to_be_hidden()
    await expect(page.get_by_text("Nothing in #quiet-corner yet")).to_be_visible()
    await page.goto(f"{desk.url}/#/channel/finops")
    await alert(page).get_by_role("button", name="1 reply").tap()
    await expect(page.get_by_role("complementary", name="Thread")).to_be_in_viewport(ratio=0.9)
    assert await page.evaluate(wide)


async def test_after_a_restart_the_page_comes_back_and_misses_nothing(
    window: Window, desk: Desk
) -> None:
    page = await window(tolerates=("net::ERR_",))  # Chromium notes each try that fails
    await page.evaluate("window.sameDocument = true")
    await desk.stop()
    await expect(page.locator("#connection")).to_contain_text("Connection lost.")
    await control(page, "Investigating").click()
    await expect(alert(page).locator(".private")).to_contain_text("cannot be reached just now")
    await desk.post("finops", "n1", said.news("Posted while the server was away"))
    await desk.edit("a1", said.alert("a1", "Changed while the server was away."))
    await desk.start()
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator("#connection")).to_be_hidden()
    await expect(page.locator("#messages")).to_contain_text("Posted while the server was away")
    await expect(alert(page)).to_contain_text("Changed while the server was away.")
    await control(page, "Investigating").click()
    await expect(alert(page)).to_contain_text("is looking into it (1)")
    assert await page.evaluate("window.sameDocument"), "the new token came without loading again"


async def test_what_people_write_stays_words(window: Window, desk: Desk) -> None:
    nasty = "<img src=x onerror=alert(1)><script>alert(1)</script> javascript:alert(1)"
    await desk.post("search", "x1", said.news(nasty))
    page = await window("/#/channel/search")
    await expect(page.locator("#messages article")).to_contain_text(nasty)
    assert await page.locator("#messages img:not(.avatar)").count() == 0


async def test_the_page_cannot_run_or_load_what_is_not_ours(window: Window, desk: Desk) -> None:
    page = await window(
        tolerates=("Content Security Policy", "Trusted", "https://example.com/x.png")
    )
    broken = await page.evaluate(
        """async () => {
          const broken = [];
          document.addEventListener("securitypolicyviolation", (e) => broken.push(e.effectiveDirective));
          const image = new Image();
          image.src = "https://example.com/x.png";
          const style = document.createElement("div");
          style.setAttribute("style", "color: red");
          const script = document.createElement("script");
          try { script.textContent = "window.ran = true"; document.head.append(script); } catch {}
          try { document.body.innerHTML += "<b>x</b>"; } catch { broken.push("trusted-types"); }
          await fetch("https://example.com/").catch(() => broken.push("fetch"));
          await new Promise((done) => setTimeout(done, 200));
          return [...broken, window.ran === undefined ? "not run" : "run"];
        }"""
    )
    assert {"img-src", "connect-src", "fetch", "trusted-types", "not run"} <= set(broken)
