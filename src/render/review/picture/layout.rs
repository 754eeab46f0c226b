//! Computes the positions in the diagram. There are four columns of cards. Arrows run in the
//! gaps between neighbouring columns, each in its own track, and end in a section that is
//! reserved for their labels. Therefore nothing overlaps.

use serde::Serialize;

#[cfg(test)]
use super::card::LINE_SIZE;
use super::card::{Card, LINE_ROOM};
use super::{Arrow, measure};

const COLUMNS: usize = 4;
const HEADINGS: [&str; COLUMNS] = ["Invokes it", "Runs", "Acts on", "Uses it"];
const EDGE: u32 = 2;
const PAD: u32 = 12;
/// The width of the marker before a line, and of the space after it.
const MARK: u32 = 14;
const CARD: u32 = LINE_ROOM + MARK + 2 * PAD;
const HEADING: u32 = 30;
const TITLE: u32 = 34;
const LINE: u32 = 18;
/// The distance between cards, and between cards that are connected by an arrow.
const GAP: u32 = 18;
const GAP_WITH_ARROW: u32 = 40;
/// The distance between the ends of arrows at a card, which leaves room for a label above each.
const PORT: u32 = 30;
const FIRST_PORT: u32 = 30;
const TRACK: u32 = 8;
/// Font sizes in tenths of a pixel.
#[cfg(test)]
const TITLE_SIZE: u32 = 130;
const VERB_SIZE: u32 = 116;

/// The diagram.
#[derive(Debug, Serialize)]
pub struct Drawing {
    pub width: u32,
    pub height: u32,
    pub headings: Vec<Heading>,
    pub cards: Vec<Box>,
    pub arrows: Vec<Flow>,
}

/// The heading of a column.
#[derive(Debug, Serialize)]
pub struct Heading {
    pub x: u32,
    pub y: u32,
    pub text: &'static str,
}

/// A card with its position.
#[derive(Debug, Serialize)]
pub struct Box {
    pub id: &'static str,
    pub title: &'static str,
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    pub title_x: u32,
    pub title_y: u32,
    pub lines: Vec<Text>,
}

/// A line of a card with its position.
#[derive(Debug, Serialize)]
pub struct Text {
    pub x: u32,
    pub y: u32,
    pub mark_x: u32,
    pub mark_y: u32,
    pub text: String,
    pub whole: String,
    pub kind: Option<String>,
    pub id: Option<String>,
    pub count: usize,
}

/// An arrow with its position.
#[derive(Debug, Serialize)]
pub struct Flow {
    /// The line, as a path.
    pub path: String,
    /// The arrowhead, as a path.
    pub head: String,
    pub href: String,
    pub words: String,
    pub verb: &'static str,
    pub elsewhere: bool,
    pub x: u32,
    pub y: u32,
    /// The text anchor at `x`: `start` or `end`.
    pub anchor: &'static str,
}

/// An arrow between columns, while its ends are computed.
struct End<'arrow> {
    arrow: &'arrow Arrow,
    left: usize,
    right: usize,
    /// Whether it points to the right.
    forward: bool,
    left_y: u32,
    right_y: u32,
}

/// Computes the positions of the cards and of the arrows between them.
pub fn draw(cards: &[Card], arrows: &[Arrow]) -> Drawing {
    let place = |id: &str| cards.iter().position(|card| card.id == id);
    let mut ends: Vec<End<'_>> = Vec::new();
    let mut down: Vec<(usize, usize, &Arrow)> = Vec::new();
    for arrow in arrows {
        let (Some(from), Some(to)) = (place(arrow.from), place(arrow.to)) else {
            continue;
        };
        let (forward, left, right) = match cards[from].column.cmp(&cards[to].column) {
            std::cmp::Ordering::Equal => {
                down.push((from, to, arrow));
                continue;
            }
            std::cmp::Ordering::Less => (true, from, to),
            std::cmp::Ordering::Greater => (false, to, from),
        };
        ends.push(End {
            arrow,
            left,
            right,
            forward,
            left_y: 0,
            right_y: 0,
        });
    }
    let mut boxes = stack(cards, &ends, &down);
    let xs = columns(cards, &ends);
    for (card, placed) in cards.iter().zip(&mut boxes) {
        shift(placed, xs[card.column]);
    }
    ports(&boxes, &mut ends);
    let mut flows: Vec<Flow> = Vec::new();
    for column in 0..COLUMNS - 1 {
        let mut across: Vec<&End<'_>> = ends
            .iter()
            .filter(|end| cards[end.left].column == column)
            .collect();
        // The arrow from the top turns last, so that as few lines as possible cross.
        across.sort_by_key(|end| match end.left_y < end.right_y {
            false => (false, end.left_y),
            true => (true, u32::MAX - end.left_y),
        });
        for (turn, end) in (0u32..).zip(across) {
            let x = xs[column] + CARD + TRACK + turn * TRACK;
            flows.push(across_the_gap(end, xs[column] + CARD, x, xs[column + 1]));
        }
    }
    flows.extend(
        down.iter()
            .map(|(from, to, arrow)| downwards(&boxes[*from], &boxes[*to], arrow)),
    );
    let bottom = boxes.iter().map(|one| one.y + one.height).max();
    let headings = HEADINGS
        .iter()
        .enumerate()
        .filter(|(column, _)| cards.iter().any(|card| card.column == *column));
    let headings = headings.map(|(column, text)| Heading {
        x: xs[column],
        y: 16,
        text,
    });
    Drawing {
        width: xs[COLUMNS - 1] + CARD + EDGE,
        height: bottom.unwrap_or_default() + EDGE,
        headings: headings.collect(),
        cards: boxes,
        arrows: flows,
    }
}

/// Places the cards of each column below each other. The positions of the columns are computed
/// later.
fn stack(cards: &[Card], ends: &[End<'_>], down: &[(usize, usize, &Arrow)]) -> Vec<Box> {
    let mut bottoms = [HEADING; COLUMNS];
    let mut last: [Option<usize>; COLUMNS] = [None; COLUMNS];
    let mut boxes = Vec::new();
    for (index, card) in cards.iter().enumerate() {
        let above = last[card.column];
        let joined = |above| {
            down.iter()
                .any(|(from, to, _)| (*from, *to) == (above, index))
        };
        let gap = match above {
            None => 0,
            Some(above) if joined(above) => GAP_WITH_ARROW,
            Some(_) => GAP,
        };
        let y = bottoms[card.column] + gap;
        let lines = u32::try_from(card.lines.len()).unwrap_or(u32::MAX);
        let ports = ends.iter().filter(|end| end.right == index).count();
        let ports = u32::try_from(ports).unwrap_or(u32::MAX);
        let for_ports = FIRST_PORT + ports.saturating_sub(1) * PORT + 14;
        let height = (TITLE + lines * LINE + PAD - 4).max(for_ports);
        boxes.push(placed(card, y, height));
        bottoms[card.column] = y + height;
        last[card.column] = Some(index);
    }
    boxes
}

fn placed(card: &Card, y: u32, height: u32) -> Box {
    let text = |(index, line): (usize, &super::Line)| {
        let baseline = y + TITLE + u32::try_from(index).unwrap_or(u32::MAX) * LINE + 10;
        Text {
            x: PAD + MARK,
            y: baseline,
            mark_x: PAD,
            mark_y: baseline - 8,
            text: line.shown.clone(),
            whole: line.id.as_ref().map_or_else(
                || line.text.clone(),
                |id| format!("{id} ({})", line.kind.as_deref().unwrap_or_default()),
            ),
            kind: line.kind.clone(),
            id: line.id.clone(),
            count: line.count,
        }
    };
    Box {
        id: card.id,
        title: card.title,
        x: 0,
        y,
        width: CARD,
        height,
        title_x: PAD,
        title_y: y + 22,
        lines: card.lines.iter().enumerate().map(text).collect(),
    }
}

fn shift(placed: &mut Box, x: u32) {
    placed.x = x;
    placed.title_x += x;
    for line in &mut placed.lines {
        line.x += x;
        line.mark_x += x;
    }
}

/// Returns the left edges of the columns. Each gap has room for its tracks and its longest
/// label.
fn columns(cards: &[Card], ends: &[End<'_>]) -> [u32; COLUMNS] {
    let mut xs = [EDGE; COLUMNS];
    for column in 0..COLUMNS - 1 {
        let across = ends.iter().filter(|end| cards[end.left].column == column);
        let tracks = u32::try_from(across.clone().count()).unwrap_or(u32::MAX);
        let longest = across
            .map(|end| measure::width(end.arrow.verb, VERB_SIZE))
            .max();
        let gap = match longest {
            Some(longest) => TRACK * (tracks + 1) + longest + 24,
            None => 2 * GAP,
        };
        xs[column + 1] = xs[column] + CARD + gap;
    }
    xs
}

/// Computes the ends of the arrows, distributed over the sides of their cards.
fn ports(boxes: &[Box], ends: &mut [End<'_>]) {
    for index in 0..boxes.len() {
        let card = &boxes[index];
        let mut arriving: Vec<usize> = (0..ends.len())
            .filter(|end| ends[*end].right == index)
            .collect();
        arriving.sort_by_key(|end| boxes[ends[*end].left].y);
        for (place, end) in (0u32..).zip(arriving) {
            ends[end].right_y = card.y + FIRST_PORT + place * PORT;
        }
    }
    let taken: Vec<(usize, u32)> = ends.iter().map(|end| (end.right, end.right_y)).collect();
    for (index, card) in boxes.iter().enumerate() {
        let mut leaving: Vec<usize> = (0..ends.len())
            .filter(|end| ends[*end].left == index)
            .collect();
        leaving.sort_by_key(|end| boxes[ends[*end].right].y);
        let many = u32::try_from(leaving.len()).unwrap_or(u32::MAX);
        let mut above = card.y;
        for (place, end) in (1u32..).zip(leaving) {
            let mut y = (card.y + place * card.height / (many + 1)).max(above + 4);
            // An outgoing line must not overlap an incoming one.
            let own = ends[end].right_y;
            if own > above + 4 && own.abs_diff(y) < 16 && own + 10 < card.y + card.height {
                y = own;
            }
            while y != own && taken.iter().any(|(_, held)| y.abs_diff(*held) < 4) {
                y += 1;
            }
            above = y;
            ends[end].left_y = y;
        }
    }
}

fn across_the_gap(end: &End<'_>, left: u32, turn: u32, right: u32) -> Flow {
    const ROUND: u32 = 5;
    let (from, to) = (end.left_y, end.right_y);
    let path = match from.abs_diff(to) {
        0 => format!("M{left} {from}H{right}"),
        small if small < 2 * ROUND => format!("M{left} {from}H{turn}V{to}H{right}"),
        _ => {
            let (before, after) = match from < to {
                true => (to - ROUND, from + ROUND),
                false => (to + ROUND, from - ROUND),
            };
            format!(
                "M{left} {from}H{}Q{turn} {from} {turn} {after}V{before}Q{turn} {to} {} {to}H{right}",
                turn - ROUND,
                turn + ROUND
            )
        }
    };
    let head = match end.forward {
        true => format!("M{right} {to}l-8 -4v8z"),
        false => format!("M{left} {from}l8 -4v8z"),
    };
    Flow {
        path,
        head,
        x: right - 12,
        y: to - 6,
        anchor: "end",
        ..flow(end.arrow)
    }
}

fn downwards(from: &Box, to: &Box, arrow: &Arrow) -> Flow {
    let (x, top, bottom) = (from.x + 28, from.y + from.height, to.y);
    Flow {
        path: format!("M{x} {top}V{bottom}"),
        head: format!("M{x} {bottom}l-4 -8h8z"),
        x: x + 12,
        y: u32::midpoint(top, bottom) + 4,
        anchor: "start",
        ..flow(arrow)
    }
}

fn flow(arrow: &Arrow) -> Flow {
    Flow {
        path: String::new(),
        head: String::new(),
        href: arrow.href.clone(),
        words: format!("{} {} {}", arrow.from_title, arrow.verb, arrow.to_title),
        verb: arrow.verb,
        elsewhere: arrow.elsewhere,
        x: 0,
        y: 0,
        anchor: "end",
    }
}

/// Returns the maximum bounds of each text in the diagram, and the bounds that it must stay
/// within. For tests.
#[cfg(test)]
pub fn extents(drawing: &Drawing) -> Vec<([u32; 4], Option<[u32; 4]>, String)> {
    let mut all = Vec::new();
    for card in &drawing.cards {
        let outer = [card.x, card.y, card.x + card.width, card.y + card.height];
        let width = measure::bold(card.title, TITLE_SIZE);
        let title = [
            card.title_x,
            card.title_y - 11,
            card.title_x + width,
            card.title_y + 3,
        ];
        all.push((title, Some(outer), card.title.to_owned()));
        for line in &card.lines {
            let width = measure::width(&line.text, LINE_SIZE);
            let extent = [line.x, line.y - 10, line.x + width, line.y + 3];
            all.push((extent, Some(outer), line.text.clone()));
        }
    }
    for flow in &drawing.arrows {
        let width = measure::width(flow.verb, VERB_SIZE);
        let left = if flow.anchor == "end" {
            flow.x - width
        } else {
            flow.x
        };
        all.push((
            [left, flow.y - 10, left + width, flow.y + 3],
            None,
            flow.words.clone(),
        ));
    }
    all
}
