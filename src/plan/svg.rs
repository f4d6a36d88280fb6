//! The plan as a drawing: six columns for the six layers, wires from left to right, and what goes to the next cycle as a
//! dashed line underneath. One self-contained SVG that follows the reader's light or dark setting.

use super::draw::{entities, heading, in_layer, kind};
use super::graph::CyclePlan;
use crate::base::StepId;
use crate::model::{Layer, Workflow};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Sizes in pixels.
const COLUMN: i32 = 196;
const BOX_WIDTH: i32 = 148;
const BOX_HEIGHT: i32 = 44;
const ROW: i32 = 66;
const TOP: i32 = 56;
const LEFT: i32 = 24;
/// Room under the boxes for each dashed line.
const LANE: i32 = 18;

/// Every rule stays inside the drawing, so that it can stand in a page beside others.
const STYLE: &str = "\
.loop-plan{--ink:#1b1f24;--soft:#5b6570;--line:#9aa4af;--box:#ffffff;--edge:#c4ccd4;--band:#f3f5f7;--carry:#a14a00}\
@media (prefers-color-scheme:dark){.loop-plan{--ink:#e8ebee;--soft:#a3adb8;--line:#6d7884;--box:#20262d;--edge:#434d57;\
--band:#171b20;--carry:#f0a35e}}\
.loop-plan text{font:13px system-ui,sans-serif;fill:var(--ink)}.loop-plan .soft{font-size:11px;fill:var(--soft)}\
.loop-plan .band{fill:var(--band)}.loop-plan .box{fill:var(--box);stroke:var(--edge)}\
.loop-plan .wire{fill:none;stroke:var(--line);stroke-width:1.4}\
.loop-plan .carry{fill:none;stroke:var(--carry);stroke-width:1.4;stroke-dasharray:5 4}\
.loop-plan .tip{fill:var(--line)}.loop-plan .carry-tip,.loop-plan .carry-name{fill:var(--carry)}\
.loop-plan .carry-name{font-size:11px}";

/// Draws the plan.
pub fn svg(workflow: &Workflow, plan: &CyclePlan) -> String {
    let places = places(workflow, plan);
    let rows = places.values().map(|(_, row)| row + 1).max().unwrap_or(1);
    let width = LEFT * 2 + COLUMN * 6 - (COLUMN - BOX_WIDTH);
    let floor = TOP + rows * ROW;
    let height = floor + LANE * (plan.carries.len() as i32 + 1);
    let mut out = String::new();
    let title = entities(&format!("The plan of {}", workflow.id));
    let _ = writeln!(
        out,
        "<svg class=\"loop-plan\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker>\
         <marker id=\"carry-tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path class=\"carry-tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>"
    );
    for layer in Layer::ALL {
        let x = LEFT + COLUMN * (layer.number() as i32 - 1);
        let _ = writeln!(
            out,
            "<rect class=\"band\" x=\"{}\" y=\"12\" width=\"{}\" height=\"{}\" rx=\"8\"/><text class=\"soft\" x=\"{x}\" y=\"34\">{}</text>",
            x - 12,
            BOX_WIDTH + 24,
            floor - 16,
            heading(layer),
        );
    }
    for (from, to, _) in plan.wires() {
        if let (Some(from), Some(to)) = (places.get(from), places.get(to)) {
            let _ = writeln!(out, "<path class=\"wire\" marker-end=\"url(#tip)\" d=\"{}\"/>", wire(*from, *to));
        }
    }
    for (lane, carry) in plan.carries.iter().enumerate() {
        let (Some(from), Some(to)) = (places.get(&carry.from), places.get(&carry.to)) else { continue };
        let y = floor + LANE * lane as i32 + 8;
        // Down beside its column, back under everything, and up beside the box that it tunes.
        let (x1, y1) = (left(from.0) + BOX_WIDTH + 8, middle(from.1));
        let (x2, y2) = (left(to.0) - 16, middle(to.1) + 10);
        let _ = writeln!(
            out,
            "<path class=\"carry\" marker-end=\"url(#carry-tip)\" d=\"M{} {y1}H{x1}V{y}H{x2}V{y2}H{}\"/>\
             <text class=\"carry-name\" x=\"{}\" y=\"{}\">next cycle: {}</text>",
            left(from.0) + BOX_WIDTH,
            left(to.0),
            x2 + 8,
            y - 4,
            entities(&carry.parameter.as_ref().map_or_else(|| carry.to.to_string(), |name| format!("{}.{name}", carry.to))),
        );
    }
    for step in &workflow.steps {
        let Some(place) = places.get(&step.id) else { continue };
        let (x, y) = (left(place.0), top(place.1));
        let _ = writeln!(
            out,
            "<g><title>{} ({})</title><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\"/>\
             <text x=\"{}\" y=\"{}\">{}</text><text class=\"soft\" x=\"{}\" y=\"{}\">{}</text></g>",
            entities(step.id.as_str()),
            entities(&kind(step)),
            x + 10,
            y + 19,
            entities(&cut(step.id.as_str(), 19)),
            x + 10,
            y + 35,
            entities(&cut(&kind(step), 22)),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Column and row of each step. Rows follow the plan, so that a step stands beside or below what it reads from.
fn places(workflow: &Workflow, plan: &CyclePlan) -> BTreeMap<StepId, (i32, i32)> {
    let mut places = BTreeMap::new();
    for layer in Layer::ALL {
        for (row, step) in in_layer(workflow, plan, layer).into_iter().enumerate() {
            places.insert(step.id.clone(), (layer.number() as i32 - 1, row as i32));
        }
    }
    places
}

fn left(column: i32) -> i32 {
    LEFT + COLUMN * column
}

fn top(row: i32) -> i32 {
    TOP + ROW * row
}

fn middle(row: i32) -> i32 {
    top(row) + BOX_HEIGHT / 2
}

/// A wire from the right side of one box to the left side of another; inside a column it bends around the right side.
fn wire(from: (i32, i32), to: (i32, i32)) -> String {
    let (x1, y1) = (left(from.0) + BOX_WIDTH, middle(from.1));
    if from.0 == to.0 {
        let (x2, y2) = (left(to.0) + BOX_WIDTH, middle(to.1) - 8);
        return format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + 24, x2 + 24);
    }
    let (x2, y2) = (left(to.0), middle(to.1));
    let bend = ((x2 - x1) / 2).max(24);
    format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2 - bend)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::graph::tests::small_loop;

    fn drawn(workflow: &Workflow) -> String {
        svg(workflow, &CyclePlan::new(workflow).expect("a plan"))
    }

    /// Every element is closed and every text is escaped: the drawing is well-formed XML.
    fn elements(text: &str) -> Vec<String> {
        let mut reader = quick_xml::Reader::from_str(text);
        let mut names = Vec::new();
        loop {
            match reader.read_event().expect("well-formed") {
                quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                    let class = tag.try_get_attribute("class").expect("well-formed");
                    let class = class.map(|class| class.value.to_string());
                    names.push(class.unwrap_or_else(|| tag.name().as_ref().to_owned()));
                }
                quick_xml::events::Event::Eof => return names,
                _ => {}
            }
        }
    }

    #[test]
    fn there_is_a_box_for_each_step_a_band_for_each_layer_and_a_line_for_each_edge() {
        let names = elements(&drawn(&small_loop()));
        let count = |class: &str| names.iter().filter(|name| *name == class).count();
        assert_eq!((count("box"), count("band"), count("wire"), count("carry")), (5, 6, 5, 1));
    }

    #[test]
    fn names_cannot_break_out_of_the_drawing() {
        let mut workflow = small_loop();
        workflow.id = crate::base::WorkflowId::new("</title><script>alert(1)</script>");
        let text = drawn(&workflow);
        assert!(!elements(&text).iter().any(|name| name == "script"), "{text}");
    }

    #[test]
    fn no_two_boxes_stand_on_the_same_place() {
        let workflow = small_loop();
        let places = places(&workflow, &CyclePlan::new(&workflow).expect("a plan"));
        let mut seen: Vec<_> = places.values().collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), workflow.steps.len());
    }

    #[test]
    fn it_follows_light_and_dark_and_brings_everything_with_it() {
        let text = drawn(&small_loop());
        assert!(text.contains("prefers-color-scheme:dark"));
        assert!(!text.contains("href"));
    }
}
