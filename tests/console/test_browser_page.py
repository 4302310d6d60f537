"""The console in a real browser: finding one's way, how it looks, what it survives."""

import re

import pytest
from playwright.async_api import expect

from handlers.conversation import Listing, Message
from tests.console import said
from tests.console.desk import Desk
from tests.console.windows import Window, alert, control

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_a_link_leads_to_its_message_and_thread(window: Window, busy_desk: Desk) -> None:
    await busy_desk.fill("finops", 45)
    page = await window("/#/channel/finops/1")
    await expect(alert(page)).to_be_focused()
    await expect(alert(page)).to_be_in_viewport()
    await page.goto(f"{busy_desk.url}/#/channel/finops/2")
    reply = page.locator("#thread-messages article").nth(1)
    await expect(reply).to_be_focused()
    await page.goto(f"{busy_desk.url}/#/channel/nowhere")
    await expect(page.locator("#toasts")).to_contain_text("There is no channel called nowhere.")


async def test_the_first_screen_is_your_team_else_what_is_new_else_where_alerts_go(
    window: Window, busy_desk: Desk
) -> None:
    for path, channel in (("/", "finops"), ("/?as=search@example.com", "finops")):
        page = await window(path)
        await expect(page).to_have_url(re.compile(f"#/channel/{channel}$"))
    await busy_desk.fill("search", 2)
    await busy_desk.fill("recommendations", 2)
    for person, channel in (("search", "search"), ("lead", "recommendations")):
        page = await window(f"/?as={person}@example.com")
        await expect(page).to_have_url(re.compile(f"#/channel/{channel}$"))
    await page.get_by_role("button", name=re.compile("You are ML lead")).click()
    await page.get_by_role("menuitemradio", name=re.compile("Search engineer")).click()
    await expect(page.get_by_role("button", name=re.compile("You are Search"))).to_be_visible()
    await expect(page).to_have_url(re.compile("as=search%40example.com#/channel/recommendations$"))
    page = await window("/?as=executive@example.com")
    for channel in ("recommendations", "search", "finops"):  # with all read, where alerts go
        await page.goto("about:blank")
        await page.goto(f"{busy_desk.url}/?as=executive@example.com")
        await expect(page).to_have_url(re.compile(f"#/channel/{channel}$"))
        link = page.get_by_role("link", name=channel)
        await expect(link).not_to_contain_text("unread")


async def test_a_channel_opens_at_the_first_message_that_was_not_read(
    window: Window, busy_desk: Desk
) -> None:
    page = await window("/#/channel/finops")
    await page.get_by_role("link", name="quiet-corner").click()
    for i in range(3):
        await busy_desk.post("finops", f"b{i}", said.alert(f"b{i}"))
    finops = page.get_by_role("link", name=re.compile("finops"))
    await expect(finops).to_have_text(re.compile("3 unread"))
    await finops.click()
    first = page.locator("#messages article").nth(1)
    await expect(first.get_by_role("heading").first).to_be_in_viewport()
    await expect(page.locator(".news-line")).to_be_in_viewport()
    place = await page.locator(".news-line").bounding_box()
    assert place is not None
    assert 64 <= place["y"] < 110


async def test_times_are_the_workspaces_and_the_tooltip_has_the_readers(window: Window) -> None:
    page = await window(locale="en-US", timezone_id="America/New_York")
    since = alert(page).locator("time.at").first
    await expect(since).to_have_text(re.compile(r"^Mon 2 Nov( 2026)?, 01:00$"))
    await expect(since).to_have_attribute(
        "title",
        "Mon 2 Nov 2026, 01:00 (Europe/Berlin), "
        "your time: Sun 1 Nov 2026, 19:00 (America/New_York)",
    )
    style = re.compile(r"^[A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2}( \d{4})?, \d\d:\d\d$")
    for when in await page.locator("#messages time").all_inner_texts():
        assert style.match(when), when
    home = await window(timezone_id="Europe/Berlin")
    await expect(alert(home).locator("time.at").first).to_have_attribute(
        "title", "Mon 2 Nov 2026, 01:00 (Europe/Berlin), your time as well"
    )


async def test_older_messages_come_when_they_are_wanted(window: Window, busy_desk: Desk) -> None:
    await busy_desk.fill("search", 45)
    page = await window("/#/channel/search")
    articles = page.locator("#messages article")
    await expect(articles).to_have_count(30)
    await expect(articles.last).to_be_in_viewport()
    await page.locator("#scroller").evaluate("node => node.scrollTo(0, 0)")
    await expect(articles).to_have_count(45)
    await expect(page.get_by_text("News 15.")).to_be_in_viewport()  # the reader's place is kept


async def test_lines_of_a_file_are_shown_as_they_stand(window: Window, busy_desk: Desk) -> None:
    page = await window()
    lines = ("@@ -1,2 +1,2 @@", "   a: <b>", "+  c: 2   # d")
    listing = Message(summary="A patch", blocks=(Listing(lines=lines),))
    await busy_desk.post("finops", "patch", listing)
    shown = page.get_by_role("group", name="Lines of a file")
    await expect(shown).to_be_visible()
    assert await shown.evaluate("node => node.textContent") == "\n".join(lines)
    assert await shown.evaluate("node => getComputedStyle(node.firstChild).whiteSpace") == "pre"


async def test_unread_channels_say_so(window: Window, busy_desk: Desk) -> None:
    page = await window()
    search = page.get_by_role("link", name=re.compile("search"))
    await expect(search).not_to_contain_text("unread")
    await busy_desk.post("search", "s1", said.flood())
    await expect(search).to_have_text(re.compile("1 unread"))
    await expect(page).to_have_title(re.compile(r"^\(1\) #finops · Example AI"))
    await search.click()
    await expect(page.get_by_role("heading", name="search", exact=True)).to_be_visible()
    await expect(page.get_by_role("cell", name="$12,400")).to_be_visible()
    await expect(search).not_to_contain_text("unread")
    await page.get_by_role("link", name="quiet-corner").click()
    await expect(page.get_by_text("Nothing in #quiet-corner yet")).to_be_visible()
    await busy_desk.post("quiet-corner", "q1", said.news("The first one"))
    await expect(page.get_by_text("The first one").first).to_be_visible()
    await expect(page.get_by_text("Nothing in #quiet-corner yet")).to_be_hidden()


async def test_keys_lead_everywhere(window: Window, busy_desk: Desk) -> None:
    await busy_desk.post("finops", "f1", said.flood())
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


async def test_on_a_phone_nothing_is_cut_off(window: Window, busy_desk: Desk) -> None:
    await busy_desk.post("finops", "f1", said.flood())
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
    await page.goto(f"{busy_desk.url}/#/channel/finops")
    await alert(page).get_by_role("button", name="1 reply").tap()
    await expect(page.get_by_role("complementary", name="Thread")).to_be_in_viewport(ratio=0.9)
    assert await page.evaluate(wide)


async def test_on_a_phone_tables_and_charts_can_be_read(window: Window, busy_desk: Desk) -> None:
    await busy_desk.post("finops", "f1", said.flood())
    page = await window(viewport={"width": 375, "height": 720}, has_touch=True, is_mobile=True)
    frame = page.locator(".table-frame")
    assert await frame.evaluate("node => node.scrollWidth <= node.clientWidth")
    cell = frame.get_by_role("cell", name="$12,400")
    await expect(cell).to_be_visible()
    assert await cell.evaluate("node => getComputedStyle(node, '::before').content") == (
        '"Over expected"'
    )
    chart = alert(page).locator("img.chart")
    await chart.scroll_into_view_if_needed()
    small = await chart.bounding_box()
    card = await alert(page).bounding_box()
    await alert(page).get_by_role("button", name=re.compile("Show the chart larger")).tap()
    dialog = page.get_by_role("dialog", name="Daily spend of recommendations-v2")
    large = await dialog.locator("img.chart").bounding_box()
    assert small is not None
    assert card is not None
    assert large is not None
    assert small["width"] <= card["width"], "nobody has to swipe"
    assert small["height"] > 0.5 * small["width"], "its room is kept as it loads"
    assert large["width"] >= 880
    edge = "node => node.getBoundingClientRect().right"
    inside = await dialog.locator(".chart-frame").evaluate(edge)
    assert abs(await dialog.locator("img.chart").evaluate(edge) - inside) < 2, "newest days first"


async def test_facts_use_the_width_of_the_card(window: Window) -> None:
    page = await window()
    facts = alert(page).locator(".facts")
    columns = await facts.evaluate("node => getComputedStyle(node).gridTemplateColumns.split(' ')")
    assert len(columns) >= 4
    box, body = await facts.bounding_box(), await alert(page).locator(".body").bounding_box()
    assert box is not None
    assert body is not None
    assert box["width"] > 0.9 * body["width"] > 700


async def test_after_a_restart_the_page_comes_back_and_misses_nothing(
    window: Window, busy_desk: Desk
) -> None:
    page = await window(tolerates=("net::ERR_",))  # Chromium notes each try that fails
    await page.evaluate("window.sameDocument = true")
    await busy_desk.stop()
    await expect(page.locator("#connection")).to_contain_text("Connection lost.")
    await control(page, "Investigating").click()
    await expect(alert(page).locator(".private")).to_contain_text("cannot be reached just now")
    await busy_desk.post("finops", "n1", said.news("Posted while the server was away"))
    await busy_desk.edit("a1", said.alert("a1", "Changed while the server was away."))
    await busy_desk.start()
    await page.evaluate("document.querySelector('#connection button').click()")  # or it was faster
    await expect(page.locator("#connection")).to_be_hidden()
    await expect(page.locator("#messages")).to_contain_text("Posted while the server was away")
    await expect(alert(page)).to_contain_text("Changed while the server was away.")
    await control(page, "Investigating").click()
    await expect(alert(page)).to_contain_text("is looking into it (1)")
    assert await page.evaluate("window.sameDocument"), "the new token came without loading again"


async def test_what_people_write_stays_words(window: Window, busy_desk: Desk) -> None:
    nasty = "<img src=x onerror=alert(1)><script>alert(1)</script> javascript:alert(1)"
    await busy_desk.post("search", "x1", said.news(nasty))
    page = await window("/#/channel/search")
    await expect(page.locator("#messages article")).to_contain_text(nasty)
    assert await page.locator("#messages img:not(.avatar)").count() == 0


async def test_the_page_cannot_run_or_load_what_is_not_ours(
    window: Window, busy_desk: Desk
) -> None:
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
