"""The canvas: one picture, its instances, and the tools a hand needs.

The window makes one `Canvas`, hands it what it shows, and wires its own actions (keys come from `app/shortcuts.py`) to
the slots below. The canvas never opens a dialog and never computes a mask in a paint event.

Giving it things
    set_document(document | None, selection | None)   what is shown; the picture is read in the background
    set_session(session)                              an `app.session.prompting.PromptSession`; it is told the documents
    set_classes(classes | None)                       the project's ClassList: colours and names
    set_class(class_id | None)                        class that new instances get; property `current_class`
    set_tool(name)                                    one of TOOLS; property `tool`
    set_display(opacity=, outline=, color_by="instance"|"class", labels=, boxes=, crosshair=, grid=, hidden=)
                                                      any of these; colours are `app.colors.instance_color`'s
    set_brush_size(pixels)                            property `brush_size`, image pixels across
    set_lasso_as_prompt(bool)                         the lasso asks the model instead of filling (Alt turns it round)
    set_key_texts(callable action_id -> str)          keys shown in context menus

Signals
    tool_changed(str)                   cursor_moved(float x, float y, (r, g, b) | None)    cursor_left()
    view_changed(float scale)           device pixels an image pixel covers: 1.0 is 100 %
    message(str)                        a short, calm sentence for the status line
    failed(AppError)                    what went wrong, with its remedy; shown by the window's message bar
                                        (the session's own `failed`, `message` and `accepted` are not repeated here)
    created(list[str])                  instances that a tool or a paste just added (the window may ask for a label)
    picture_loaded(bool)                the picture can be seen (True) or is broken (False)
    brush_changed(float)                lasso_changed(bool)              display_changed()    masks_hidden(bool)
    undo_changed()                      can_undo() / can_redo() / undo_text() may answer differently now

Slots (no arguments unless shown)
    accept()  next_candidate()  drop()                          Enter or F, Tab, Esc; an open polygon comes first
    undo()  redo()  can_undo()  can_redo()  undo_text()  redo_text()   tool, then prompt session, then document
    delete_selected()  duplicate()  copy()  cut()  paste()  select_all()
    union()  subtract()  intersect()  fill_holes()  split_parts()  edit_as_polygon()  refine()
    raise_selected()  lower_selected()  toggle_locked()  toggle_visible()  assign_class(class_id | None)
    toggle_masks()  fit()  actual_size()  zoom_in()  zoom_out()  zoom_to_selection()  zoom_to(QRectF in image pixels)
    smaller_brush()  larger_brush()                             [ and ]
    leave()                                                     F6: focus goes to the next widget, as Tab does not
    anchor(instance_id) -> QPoint                               where a label popup fits, in canvas coordinates
    close_down()                                                stops the canvas's threads when the window closes

Keys the canvas handles itself while it has the focus (not remappable, they are parts of gestures)
    arrows                 move the keyboard cross-hair (Shift: ten times as far); the select tool nudges the selection
    . or Insert / ,        act at the cross-hair as a left / right click (a + / − point, a vertex, a corner)
    Space + drag           pan
    Backspace              takes back the last vertex of an open polygon, or the last prompt
    Menu, Shift+F10        context menu             Shift, Alt, Ctrl   modify the tools as their status messages say
"""

from __future__ import annotations

from widgets.canvas.canvas import TOOLS, Canvas

__all__ = ["TOOLS", "Canvas"]
