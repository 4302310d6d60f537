"""The console in a real browser: pressing, filling in forms, asking, being someone else."""

import re

import pytest
from playwright.async_api import expect

from tests.console import answers, said
from tests.console.desk import Desk
from tests.console.windows import EXECUTIVE, LEAD, Window, alert, control

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_a_press_is_seen_in_every_window_without_loading_again(window: Window) -> None:
    mine, theirs = await window(), await window("/" + LEAD)
    await expect(alert(theirs).get_by_role("button", name="1 reply")).to_be_visible()
    await theirs.evaluate("window.sameDocument = true")
    await control(mine, "Investigating").click()
    for page in (mine, theirs):
        await expect(alert(page)).to_contain_text("ML engineer is looking into it (1).")
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


async def test_an_edit_keeps_the_focus_and_the_place(window: Window, busy_desk: Desk) -> None:
    await busy_desk.fill("finops", 12)
    page = await window()
    button = control(page, "Expected…")
    await button.focus()
    await page.evaluate("document.activeElement.scrollIntoView({block: 'center'})")
    before = await button.bounding_box()
    await busy_desk.edit("a1", said.alert("a1", "Somebody changed this meanwhile."))
    await expect(alert(page)).to_contain_text("Somebody changed this meanwhile.")
    await expect(button).to_be_focused()
    await busy_desk.post("finops", "later", said.news("Something new below"))
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
    mine, theirs = await window(), await window("/" + LEAD)
    await control(mine, "False alarm").click()
    question = mine.get_by_role("alertdialog", name="False alarm")
    await expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    await question.get_by_role("button", name="Cancel").click()
    await expect(mine.locator(".private")).to_have_count(0)
    await control(mine, "False alarm").click()
    await question.get_by_role("button", name="False alarm").click()
    card = alert(mine).get_by_role("region", name="Only you can see this")
    await expect(card).to_contain_text("ML lead resolved this a minute ago.")
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


async def test_buttons_that_you_may_not_use_say_so_and_do_nothing(window: Window) -> None:
    page = await window("/" + EXECUTIVE)
    why = re.compile(r"^Needs the role engineer, lead, .* or operator; you have executive\.$")
    for name in ("Investigating", "Expected…", "Snooze", "False alarm", "Resolve…"):
        await expect(control(page, name)).to_be_disabled()
        await expect(control(page, name)).to_have_accessible_description(why)
    line = alert(page).get_by_text("Read only for you (executive): needs engineer, lead")
    await expect(line).to_be_visible()
    for name in ("False alarm", "Snooze", "Resolve…"):
        await control(page, name).focus()
        await page.keyboard.press("Enter")
        card = alert(page).get_by_role("region", name="Only you can see this")
        await expect(card).to_contain_text(f"{name.strip('…')} needs the role engineer")
        await expect(page.locator("dialog, .menu")).to_have_count(0)
        await expect(card).to_be_in_viewport(ratio=0.99)
    assert answers.effects == {}
    await page.get_by_role("button", name=re.compile("You are Executive")).click()
    await page.get_by_role("menuitemradio", name=re.compile("ML engineer")).click()
    await expect(control(page, "False alarm")).to_be_enabled()
    await expect(control(page, "False alarm")).to_have_accessible_description("")
    await expect(line).to_be_hidden()


async def test_a_refusal_stands_at_the_buttons_and_stays_when_the_message_changes(
    window: Window, busy_desk: Desk
) -> None:
    page = await window()
    await alert(page).get_by_role("button", name="1 reply").click()
    in_thread = page.locator("#thread-messages article").first
    for message in (alert(page), in_thread):
        await message.get_by_role("button", name="False alarm").click()
        question = page.get_by_role("alertdialog", name="False alarm")
        await question.get_by_role("button", name="False alarm").click()
        card = message.locator(".controls + .private")
        await expect(card).to_contain_text("ML lead resolved this a minute ago.")
        await expect(card).to_be_in_viewport(ratio=0.99)
    await busy_desk.edit("a1", said.alert("a1", "Changed meanwhile."))
    for message in (alert(page), in_thread):
        await expect(message).to_contain_text("Changed meanwhile.")
        await expect(message.locator(".controls + .private")).to_have_count(1)


async def test_what_is_done_without_a_note_says_done_beside_the_thread(window: Window) -> None:
    page = await window()
    await alert(page).get_by_role("button", name="1 reply").click()
    await control(page, "Snooze").click()
    await page.get_by_role("menuitem", name="3 days").click()
    toast = page.locator("#toasts .toast")
    await expect(toast).to_have_text("Done.")
    thread = await page.locator("#thread").bounding_box()
    where = await toast.bounding_box()
    assert thread is not None
    assert where is not None
    assert where["x"] + where["width"] < thread["x"]


async def test_who_you_are_changes_what_you_may(window: Window) -> None:
    page = await window("/" + EXECUTIVE)
    await expect(page.locator(".mention-you")).to_have_count(0)
    await control(page, "Investigating").click(force=True)
    card = alert(page).get_by_role("region", name="Only you can see this")
    await expect(card).to_contain_text("Investigating needs the role engineer, lead")
    await expect(card).to_contain_text("you have executive")
    await page.get_by_role("button", name=re.compile("You are Executive")).click()
    await page.get_by_role("menuitemradio", name=re.compile("ML engineer")).click()
    await expect(page.get_by_role("button", name=re.compile("You are ML engineer"))).to_be_focused()
    await expect(card).to_have_count(0)  # what Executive was told is not for ML engineer
    await expect(page.locator("#messages .mention-you")).to_have_text("@ML engineer")
    await control(page, "Investigating").click()
    await expect(alert(page)).to_contain_text("ML engineer is looking into it (1).")
    assert page.url.endswith("as=engineer%40example.com#/channel/finops")
    await page.reload()
    await expect(page.get_by_role("button", name=re.compile("You are ML engineer"))).to_be_visible()


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


async def test_the_empty_box_lists_what_there_is_by_its_first_word(window: Window) -> None:
    page = await window()
    await page.keyboard.press("/")
    options = page.get_by_role("option")
    await expect(options.filter(has_text="/test …")).to_contain_text("rename, report, runway")
    await expect(options.filter(has_text="/help")).to_have_count(1)
    await page.keyboard.type("/")
    await expect(options.filter(has_text="/test …")).to_have_count(1)
    await options.filter(has_text="/test …").click()
    await expect(page.get_by_role("combobox", name="Command")).to_have_value("test ")
    await expect(options.filter(has_text="test runway")).to_have_count(1)


async def test_an_unknown_command_is_answered_in_words(window: Window) -> None:
    page = await window()
    await page.keyboard.press("/")
    await page.keyboard.type("/tets report")
    await page.keyboard.press("Enter")
    card = page.locator("#messages > .private")
    await expect(card).to_contain_text("There is no command /tets here")
    await expect(card).to_contain_text("/tets report")


async def test_a_thread_opens_lives_and_closes(window: Window, busy_desk: Desk) -> None:
    page = await window()
    await alert(page).get_by_role("button", name="1 reply").click()
    thread = page.get_by_role("complementary", name="Thread")
    await expect(thread).to_contain_text("Fourth day outside the band")
    await expect(page).to_have_url(re.compile(r"#/channel/finops/1/thread$"))
    await busy_desk.reply("a1", "a1.n2", said.news("Fifth day outside the band."))
    await expect(thread).to_contain_text("Fifth day outside the band.")
    await expect(thread).to_contain_text("2 replies")
    await thread.get_by_role("button", name="Investigating").click()
    await expect(thread.locator("article").first).to_contain_text("is looking into it (1)")
    await page.keyboard.press("Escape")
    await expect(thread).to_be_hidden()
    await expect(page).to_have_url(re.compile(r"#/channel/finops$"))


async def test_people_write_in_a_thread_and_others_see_it(window: Window, busy_desk: Desk) -> None:
    mine, theirs = await window("/#/channel/finops/1/thread"), await window("/" + LEAD)
    thread = mine.get_by_role("complementary", name="Thread")
    box = thread.get_by_role("textbox", name="Write in this thread")
    send = thread.get_by_role("button", name="Send the note")
    await expect(send).to_be_disabled()
    await box.fill("Was it <b>planned</b>?")
    await box.press("Shift+Enter")
    await box.press_sequentially("I will ask.")
    await box.press("Enter")
    note = thread.locator("article").last
    await expect(note.locator(".paragraph")).to_have_text("Was it <b>planned</b>?\nI will ask.")
    await expect(note.locator(".author")).to_have_text("ML engineer")
    await expect(note.locator(".chip")).to_have_count(0)
    await expect(note).to_be_in_viewport()
    await expect(box).to_have_value("")
    await alert(theirs).get_by_role("button", name="2 replies").click()
    await expect(theirs.locator("#thread article").last).to_contain_text("ML engineer")
    theirs_box = theirs.get_by_role("textbox", name="Write in this thread")
    await theirs_box.fill("Yes, until Friday.")
    await theirs.get_by_role("button", name="Send the note").click()
    await expect(thread).to_contain_text("Yes, until Friday.")
    await expect(thread.locator("article").last.locator(".author")).to_have_text("ML lead")


async def test_a_message_without_replies_can_be_written_about(
    window: Window, busy_desk: Desk
) -> None:
    await busy_desk.post("search", "s1", said.alert("s1"))
    page = await window("/#/channel/search")
    await alert(page).get_by_role("button", name="Write in a thread").click()
    await page.get_by_role("textbox", name="Write in this thread").fill("Is this ours?")
    await page.keyboard.press("Enter")
    await expect(alert(page).get_by_role("button", name="1 reply")).to_be_visible()
    await expect(page.locator("#thread article").last).to_contain_text("Is this ours?")


async def test_a_note_that_cannot_be_sent_is_not_lost(window: Window, busy_desk: Desk) -> None:
    await busy_desk.post("finops", "a2", said.alert("a2"))
    page = await window("/#/channel/finops/1/thread", tolerates=("net::ERR_", "(Forbidden)"))
    box = page.get_by_role("textbox", name="Write in this thread")
    await box.fill("Not yet sent")
    await page.goto(f"{busy_desk.url}/#/channel/finops/3/thread")
    await expect(box).to_have_value("")
    await page.goto(f"{busy_desk.url}/#/channel/finops/1/thread")
    await expect(box).to_have_value("Not yet sent")
    await busy_desk.stop()
    await box.press("Enter")
    await expect(page.locator("#toasts")).to_contain_text("cannot be reached just now")
    await expect(box).to_have_value("Not yet sent")
    await busy_desk.start()
    await page.evaluate("document.querySelector('#connection button')?.click()")
    await expect(page.locator("#connection")).to_be_hidden()
    await box.press("Enter")
    await expect(page.locator("#thread article").last).to_contain_text("Not yet sent")
    await expect(box).to_have_value("")
