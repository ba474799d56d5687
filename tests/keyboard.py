"""Widgets in a browser, as one drives them who has no mouse: with Tab, letters, arrows, Space and Enter."""

import re

from playwright.sync_api import expect

FARTHEST = 600  # presses of Tab: more than there are stops in a page
# the key that leads nearer to an element: none where it has the focus
STEP = """element => {
    const here = document.activeElement;
    if (here === element) return '';
    return here.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING ? 'Shift+Tab' : 'Tab';
}"""


class Keyboard:
    """The keyboard in front of a widget. Each method first goes to the control, and fails where Tab does not lead.

    Args:
        page: the page of Playwright.
        view: locator of the widget.
    """

    def __init__(self, page, view):
        self.page, self.view, self.type, self.key = page, view, page.keyboard.type, page.keyboard.press
        page.on(
            "filechooser", lambda chooser: None
        )  # from now on: asked for with the key, Playwright may come too late

    def button(self, name):
        """A button by its text; the sign of its icon does not belong to it."""
        return self.view.locator("button").filter(has_text=re.compile(rf"^\s*{re.escape(name)}\s*$"))

    def field(self, label):
        return self.view.get_by_label(label, exact=True)

    def slider(self, label):
        return self.view.get_by_role("slider", name=label, exact=True)

    def reach(self, control):
        """Go to a control, once it can be used."""
        expect(control).to_be_visible()
        expect(control).to_be_enabled()
        for _ in range(FARTHEST):
            if not (key := control.evaluate(STEP)):
                return
            self.key(key)
        raise AssertionError(f"Tab does not lead to {control}.")

    def press(self, button):
        """Press a button, given by its text or as a locator."""
        self.reach(self.button(button) if isinstance(button, str) else button)
        self.key("Enter")

    def tick(self, label):
        """Tick a box, or take the tick away."""
        self.reach(self.field(label))
        self.key("Space")

    def write(self, label, text):
        """Replace what stands in a field, and Enter."""
        self.reach(self.field(label))
        self.key("ControlOrMeta+a")
        self.key("Delete")
        self.type(text)
        self.key("Enter")

    def choose(self, label, option):
        """Choose from a menu: its first letter, typed again and again, goes through the options that begin with it."""
        menu = self.field(label)
        if menu.evaluate(STEP) == "":
            self.key("Tab")  # leave it, which forgets the letter before: two of them are the beginning of a word
        self.reach(menu)
        for _ in range(menu.evaluate("menu => menu.options.length")):
            if menu.input_value() == option:
                return
            self.type(option[0])
        expect(menu).to_have_value(option)

    def slide(self, label, key="ArrowRight"):
        """Move the handle of a slider by a step."""
        self.reach(self.slider(label))
        self.key(key)

    def open(self, room):
        """Open the part behind a tab."""
        tabs = self.view.get_by_role("tab")
        self.reach(tabs.and_(self.view.locator("[aria-selected=true]")))
        names = tabs.all_inner_texts()
        for _ in names:
            if tabs.nth(names.index(room)).evaluate(STEP) == "":
                break
            self.key("ArrowRight")
        self.key("Enter")
        expect(tabs.nth(names.index(room))).to_have_attribute("aria-selected", "true")

    def upload(self, name, path):
        """Press a button that asks for a file, and choose this one."""
        self.reach(self.view.locator("button.widget-upload").filter(has_text=name))
        with self.page.expect_file_chooser() as chooser:
            self.key("Enter")
        chooser.value.set_files(path)
