//! Computes the positions in the diagram. There are four columns of cards. Arrows run in the
//! gaps between neighbouring columns, each in its own track, and end in a section that is
//! reserved for their labels. Therefore nothing overlaps.

use super::card::{Card, LINE_ROOM};
use super::{Arrow, Flow, Heading, Picture, measure};

const COLUMNS: usize = 4;
const HEADINGS: [&str; COLUMNS] = ["Invokes it", "Runs", "Acts on", "Uses it"];
const EDGE: u32 = 2;
pub const PAD: u32 = 12;
/// The width of the marker before a line, and of the space after it.
pub const MARK: u32 = 14;
pub const CARD: u32 = LINE_ROOM + MARK + 2 * PAD;
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
/// The font size of a label, in tenths of a pixel.
pub const VERB_SIZE: u32 = 116;

/// An arrow between columns, while its ends are computed.
struct End {
    /// The index of the arrow.
    arrow: usize,
    left: usize,
    right: usize,
    /// Whether it points to the right.
    forward: bool,
    left_y: u32,
    right_y: u32,
}

/// Computes the positions of the cards and of the arrows between them.
pub fn draw(mut cards: Vec<Card>, mut arrows: Vec<Arrow>) -> Picture {
    let place = |id: &str| cards.iter().position(|card| card.id == id);
    let mut ends: Vec<End> = Vec::new();
    let mut down: Vec<(usize, usize, usize)> = Vec::new();
    for (index, arrow) in arrows.iter().enumerate() {
        let (Some(from), Some(to)) = (place(arrow.from), place(arrow.to)) else {
            continue;
        };
        let (forward, left, right) = match cards[from].column.cmp(&cards[to].column) {
            std::cmp::Ordering::Equal => {
                down.push((from, to, index));
                continue;
            }
            std::cmp::Ordering::Less => (true, from, to),
            std::cmp::Ordering::Greater => (false, to, from),
        };
        ends.push(End {
            arrow: index,
            left,
            right,
            forward,
            left_y: 0,
            right_y: 0,
        });
    }
    let xs = columns(&cards, &arrows, &ends);
    stack(&mut cards, &xs, &ends, &down);
    ports(&cards, &mut ends);
    for column in 0..COLUMNS - 1 {
        let mut across: Vec<&End> = ends
            .iter()
            .filter(|end| cards[end.left].column == column)
            .collect();
        // The arrow from the top turns last, so that as few lines as possible cross.
        across.sort_by_key(|end| match end.left_y < end.right_y {
            false => (false, end.left_y),
            true => (true, u32::MAX - end.left_y),
        });
        for (turn, end) in (1u32..).zip(across) {
            let left = xs[column] + CARD;
            let flow = across_the_gap(end, left, left + turn * TRACK, xs[column + 1]);
            arrows[end.arrow].flow = flow;
        }
    }
    for (from, to, arrow) in down {
        arrows[arrow].flow = downwards(&cards[from], &cards[to]);
    }
    let headings = HEADINGS.into_iter().zip(xs).enumerate();
    let headings = headings
        .filter(|(column, _)| cards.iter().any(|card| card.column == *column))
        .map(|(_, (text, x))| Heading { x, text });
    let bottom = cards.iter().map(|card| card.y + card.height).max();
    Picture {
        width: xs[COLUMNS - 1] + CARD + EDGE,
        height: bottom.unwrap_or_default() + EDGE,
        card_width: CARD,
        headings: headings.collect(),
        cards,
        arrows,
    }
}

/// Places the cards of each column below each other.
fn stack(cards: &mut [Card], xs: &[u32], ends: &[End], down: &[(usize, usize, usize)]) {
    let mut bottoms = [HEADING; COLUMNS];
    let mut last: [Option<usize>; COLUMNS] = [None; COLUMNS];
    for (index, card) in cards.iter_mut().enumerate() {
        let column = card.column;
        let joined = |above: usize| down.iter().any(|one| (one.0, one.1) == (above, index));
        let gap = match last[column] {
            None => 0,
            Some(above) if joined(above) => GAP_WITH_ARROW,
            Some(_) => GAP,
        };
        let mut y = TITLE + 10;
        for line in &mut card.lines {
            line.y = y;
            y += LINE;
        }
        let ports = ends.iter().filter(|end| end.right == index).count();
        let ports = u32::try_from(ports).unwrap_or(u32::MAX);
        let for_ports = FIRST_PORT + ports.saturating_sub(1) * PORT + 14;
        card.x = xs[column];
        card.y = bottoms[column] + gap;
        card.height = (y + PAD - 14).max(for_ports);
        bottoms[column] = card.y + card.height;
        last[column] = Some(index);
    }
}

/// Returns the left edges of the columns. Each gap has room for its tracks and its longest
/// label.
fn columns(cards: &[Card], arrows: &[Arrow], ends: &[End]) -> [u32; COLUMNS] {
    let mut xs = [EDGE; COLUMNS];
    for column in 0..COLUMNS - 1 {
        let across = ends.iter().filter(|end| cards[end.left].column == column);
        let tracks = u32::try_from(across.clone().count()).unwrap_or(u32::MAX);
        let longest = across
            .map(|end| measure::width(arrows[end.arrow].verb, VERB_SIZE))
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
fn ports(cards: &[Card], ends: &mut [End]) {
    for (index, card) in cards.iter().enumerate() {
        let arriving = ends.iter_mut().filter(|end| end.right == index);
        let mut arriving: Vec<&mut End> = arriving.collect();
        arriving.sort_by_key(|end| cards[end.left].y);
        for (place, end) in (0u32..).zip(arriving) {
            end.right_y = card.y + FIRST_PORT + place * PORT;
        }
    }
    let taken: Vec<u32> = ends.iter().map(|end| end.right_y).collect();
    for (index, card) in cards.iter().enumerate() {
        let leaving = ends.iter_mut().filter(|end| end.left == index);
        let mut leaving: Vec<&mut End> = leaving.collect();
        leaving.sort_by_key(|end| cards[end.right].y);
        let many = u32::try_from(leaving.len()).unwrap_or(u32::MAX);
        let mut above = card.y;
        for (place, end) in (1u32..).zip(leaving) {
            let mut y = (card.y + place * card.height / (many + 1)).max(above + 4);
            // An outgoing line must not overlap an incoming one.
            let own = end.right_y;
            if own > above + 4 && own.abs_diff(y) < 16 && own + 10 < card.y + card.height {
                y = own;
            }
            while y != own && taken.iter().any(|held| y.abs_diff(*held) < 4) {
                y += 1;
            }
            above = y;
            end.left_y = y;
        }
    }
}

fn across_the_gap(end: &End, left: u32, turn: u32, right: u32) -> Flow {
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
    }
}

fn downwards(from: &Card, to: &Card) -> Flow {
    let (x, top, bottom) = (from.x + 28, from.y + from.height, to.y);
    Flow {
        path: format!("M{x} {top}V{bottom}"),
        head: format!("M{x} {bottom}l-4 -8h8z"),
        x: x + 12,
        y: u32::midpoint(top, bottom) + 4,
        anchor: "start",
    }
}
