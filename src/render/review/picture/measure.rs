//! Estimates the maximum width of a text. The reader's fonts are unknown here, so the estimate
//! uses the widest user-interface font of common systems.

/// The advance widths of `DejaVu Sans`, from the space to the tilde, in thousandths of the font
/// size. Those of Verdana are similar, and those of other systems' fonts are smaller.
const REGULAR: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];
/// Other characters than ASCII may be as wide as the font size.
const OTHER: u32 = 1_000;
/// The maximum additional width of bold letters, in hundredths.
#[cfg(test)]
const BOLD: u32 = 122;

/// Returns the width in thousandths of a pixel. The font size is in tenths of a pixel.
fn thousandths(text: &str, size: u32) -> u32 {
    let advance = |one: char| {
        let place = u32::from(one)
            .checked_sub(0x20)
            .and_then(|place| usize::try_from(place).ok());
        let known = place.and_then(|place| REGULAR.get(place));
        known.map_or(OTHER, |advance| u32::from(*advance))
    };
    text.chars().map(advance).sum::<u32>() * size / 10
}

/// Returns the width in whole pixels, rounded up. The font size is in tenths of a pixel.
pub fn width(text: &str, size: u32) -> u32 {
    thousandths(text, size).div_ceil(1_000)
}

/// Returns the width of bold text.
#[cfg(test)]
pub fn bold(text: &str, size: u32) -> u32 {
    (thousandths(text, size) * BOLD / 100).div_ceil(1_000)
}

/// Returns the text, shortened in the middle if it is too wide.
pub fn fit(text: &str, size: u32, room: u32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let mut kept = letters.len();
    while kept > 0 {
        kept -= 1;
        // Names differ at their ends more often than at their beginnings.
        let (first, last) = (kept / 2, kept - kept / 2);
        let begin = letters.iter().take(first);
        let end = letters.iter().skip(letters.len() - last);
        let cut: String = begin.chain(['…'].iter()).chain(end).collect();
        if width(&cut, size) <= room {
            return cut;
        }
    }
    "…".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_in_its_middle_to_what_fits() {
        assert_eq!(fit("short", 120, 100), "short");
        let cut = fit("AlarmSubscriptionOpsExampleComaf3c8254", 120, 150);
        assert!(
            cut.starts_with("Alarm") && cut.ends_with("af3c8254"),
            "{cut}"
        );
        for room in 0..200 {
            let cut = fit("a name that is long", 120, room);
            assert!(cut == "…" || width(&cut, 120) <= room, "{cut} in {room}");
        }
        assert_eq!(fit("", 120, 0), "");
    }
}
