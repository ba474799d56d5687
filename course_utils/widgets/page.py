"""What our widgets ask of the page around them, so that nobody needs a mouse or good eyes.

JupyterLab takes a key as its own command wherever no text can be typed: in a menu, x would cut the cell, and an arrow
would lead out of the widget (https://github.com/jupyter-widgets/ipywidgets/issues/3912). Inside our widgets a key
belongs to the control. Keys with Ctrl, Alt or Cmd stay commands, and so does Shift+Enter. The sliders of ipywidgets
have no name for a screen reader, and each gets the text of its label; a tooltip that is missing is no longer called
'null'. The labels of tabs have more contrast, and whatever has the focus has a frame.
"""

import html

OURS = "course-widget"  # CSS class of our widgets

STYLE = f"""
.{OURS} .lm-TabBar-tab {{ --jp-ui-font-color2: var(--jp-ui-font-color1); }}
.{OURS} :focus-visible {{ outline: 2px solid var(--jp-brand-color1, #1976d2) !important; outline-offset: 1px; }}
"""

SCRIPT = f"""
const view = this.closest('.{OURS}');
const mend = () => {{
    for (const handle of view.querySelectorAll('.noUi-handle:not([aria-label])'))
        handle.setAttribute('aria-label', handle.closest('.widget-slider').querySelector('.widget-label').textContent);
    for (const part of view.querySelectorAll('[title=null]'))
        part.removeAttribute('title');
}};
new MutationObserver(mend).observe(view, {{childList: true, subtree: true}});
mend();
window.courseKeys ??= [window.addEventListener('keydown', event => {{
    const command = event.ctrlKey || event.altKey || event.metaKey || (event.shiftKey && event.key === 'Enter');
    if (event.target.closest?.('.{OURS}'))
        event.target.toggleAttribute('data-lm-suppress-shortcuts', !command);
}}, true)];
"""

# a widget without code of its own is heard by the page when its style has loaded
HTML = f'<style onload="{html.escape(SCRIPT)}">{STYLE}</style>'
