//! Nothing in the diagram overlaps, whatever its contents are.

use proptest::prelude::*;

use super::card::{Card, LINE_SIZE, Line};
use super::layout::{CARD, MARK, PAD, VERB_SIZE, draw};
use super::{ARROWS, Arrow, ELSEWHERE, Flow, Picture, card_id, first_of_each_pair, measure};
use crate::render::Strategy;

/// The font size of a card's title, in tenths of a pixel.
const TITLE_SIZE: u32 = 130;

const CARDS: [(&str, usize); 26] = [
    ("deployer", 0),
    ("cloudformation", 0),
    ("manager", 0),
    ("events", 0),
    ("watch", 0),
    ("function", 1),
    ("role", 1),
    ("log", 1),
    ("database-function", 1),
    ("database-role", 1),
    ("database-log", 1),
    ("service-function", 1),
    ("service-role", 1),
    ("service-log", 1),
    ("topic", 1),
    ("other", 1),
    ("users", 2),
    ("databases", 2),
    ("adapters", 2),
    ("services", 2),
    ("secrets", 2),
    ("key", 2),
    ("administrators", 2),
    ("mail", 2),
    ("clients", 3),
    ("readers", 3),
];

fn card(id: &'static str, column: usize, lines: &[String]) -> Card {
    let line = |text: &String| Line {
        shown: measure::fit(text, LINE_SIZE, super::card::LINE_ROOM),
        text: text.clone(),
        kind: None,
        id: None,
        count: 1,
        y: 0,
    };
    Card {
        id,
        title: "Rotation function",
        column,
        x: 0,
        y: 0,
        height: 0,
        lines: lines.iter().map(line).collect(),
        calls: Vec::new(),
    }
}

/// Returns every possible arrow between the cards.
fn arrows(cards: &[Card]) -> Vec<Arrow> {
    let each = ARROWS
        .iter()
        .flat_map(|one| Strategy::ALL.map(|strategy| (one, strategy)));
    let all = each.map(|(one, strategy)| {
        let (from, to) = (card_id(one.0, strategy), card_id(one.1, strategy));
        (from, to, one.2)
    });
    let elsewhere = ELSEWHERE.iter();
    let all = all.chain(elsewhere.map(|one| (one.0.to_owned(), one.1.to_owned(), one.2)));
    let id = |id: &str| Some(cards.iter().find(|card| card.id == id)?.id);
    let arrow = |(from, to, verb): (String, String, &'static str)| {
        Some(Arrow {
            from: id(&from)?,
            from_title: "",
            to: id(&to)?,
            to_title: "",
            verb,
            href: String::new(),
            elsewhere: false,
            flow: Flow::default(),
        })
    };
    first_of_each_pair(all.filter_map(arrow))
}

fn outline(card: &Card) -> [u32; 4] {
    [card.x, card.y, card.x + CARD, card.y + card.height]
}

/// Returns the maximum bounds of each text in the diagram, and the bounds that it must stay
/// within.
fn extents(drawing: &Picture) -> Vec<([u32; 4], Option<[u32; 4]>, String)> {
    let mut all = Vec::new();
    let line = |x: u32, y: u32, width: u32| [x, y - 10, x + width, y + 3];
    for card in &drawing.cards {
        let width = measure::bold(card.title, TITLE_SIZE);
        let title = line(card.x + PAD, card.y + 22, width);
        all.push((title, Some(outline(card)), card.title.to_owned()));
        for one in &card.lines {
            let width = measure::width(&one.shown, LINE_SIZE);
            let extent = line(card.x + PAD + MARK, card.y + one.y, width);
            all.push((extent, Some(outline(card)), one.shown.clone()));
        }
    }
    for Arrow { flow, verb, .. } in &drawing.arrows {
        let width = measure::width(verb, VERB_SIZE);
        let left = match flow.anchor {
            "end" => flow.x - width,
            _ => flow.x,
        };
        all.push((line(left, flow.y, width), None, (*verb).to_owned()));
    }
    all
}

fn overlap(one: [u32; 4], other: [u32; 4]) -> bool {
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
}

/// Returns the segments of a path of `M`, `H`, `V`, and `Q`, as rectangles without width.
fn stretches(path: &str) -> Vec<[u32; 4]> {
    let mut at = (0, 0);
    let mut found = Vec::new();
    let spaced = path.replace(['M', 'H', 'V', 'Q'], " ");
    let mut numbers = spaced
        .split_whitespace()
        .map(|one| one.parse::<u32>().unwrap());
    for command in path.chars().filter(char::is_ascii_uppercase) {
        let mut next = || numbers.next().unwrap();
        let to = match command {
            'M' => {
                at = (next(), next());
                continue;
            }
            'H' => (next(), at.1),
            'V' => (at.0, next()),
            _ => {
                next();
                next();
                (next(), next())
            }
        };
        found.push([
            at.0.min(to.0),
            at.1.min(to.1),
            at.0.max(to.0),
            at.1.max(to.1),
        ]);
        at = to;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_lies_over_anything(
        there in proptest::collection::vec(any::<bool>(), CARDS.len()),
        lines in proptest::collection::vec(
            proptest::collection::vec("[ -~가-힣…]{0,60}", 1..26),
            CARDS.len(),
        ),
    ) {
        let cards: Vec<Card> = CARDS
            .iter()
            .zip(&there)
            .zip(&lines)
            .filter(|((_, there), _)| **there)
            .map(|(((id, column), _), lines)| card(id, *column, lines))
            .collect();
        let arrows = arrows(&cards);
        let drawing = draw(cards, arrows);
        prop_assert!(drawing.arrows.iter().all(|arrow| !arrow.flow.path.is_empty()));
        let boxes: Vec<[u32; 4]> = drawing
            .cards
            .iter()
            .map(outline)
            .collect();
        for (index, one) in boxes.iter().enumerate() {
            prop_assert!(one[2] <= drawing.width && one[3] <= drawing.height);
            for other in &boxes[index + 1..] {
                prop_assert!(!overlap(*one, *other), "{:?} {:?}", one, other);
            }
        }
        let texts = extents(&drawing);
        for (index, (extent, within, text)) in texts.iter().enumerate() {
            if let Some(within) = within {
                let inside = extent[0] >= within[0] && extent[1] >= within[1]
                    && extent[2] <= within[2] && extent[3] <= within[3];
                prop_assert!(inside, "{} {:?} {:?}", text, extent, within);
            } else {
                prop_assert!(extent[2] <= drawing.width);
                prop_assert!(boxes.iter().all(|one| !overlap(*one, *extent)), "{}", text);
            }
            for (other, _, more) in &texts[index + 1..] {
                prop_assert!(!overlap(*extent, *other), "{} {}", text, more);
            }
        }
        // No line crosses a label, or runs along another line.
        let lines: Vec<(usize, [u32; 4])> = drawing
            .arrows
            .iter()
            .enumerate()
            .flat_map(|(index, arrow)| stretches(&arrow.flow.path).into_iter().map(move |one| (index, one)))
            .collect();
        for (arrow, line) in &lines {
            let thick = [line[0], line[1], line[2] + 1, line[3] + 1];
            for (extent, within, text) in &texts {
                if within.is_none() {
                    prop_assert!(!overlap(thick, *extent), "{} {:?}", text, line);
                }
            }
            for (other, more) in &lines {
                let upright = line[0] == line[2] && more[0] == more[2] && line[0] == more[0];
                let level = line[1] == line[3] && more[1] == more[3] && line[1] == more[1];
                let beside = line[1] < more[3] && more[1] < line[3];
                let above = line[0] < more[2] && more[0] < line[2];
                prop_assert!(arrow == other || !(upright && beside || level && above), "{:?} {:?}", line, more);
            }
        }
    }
}
