"""What keeps readers out of a page, as axe-core (Deque Systems) finds it: https://dequeuniversity.com/rules/axe/."""

from axe_playwright_python.sync_playwright import Axe


def barriers(page, part=None):
    """What axe calls serious or critical: 'rule: element' each.

    Args:
        page: the page of Playwright.
        part: CSS selector of the part that is looked at; None looks at the whole page.
    """
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in Axe().run(page, context=part).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
