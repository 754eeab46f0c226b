//! Unit files for systemd, with which a host runs `keyrota follow` on a timer.

use std::time::Duration;

/// A service and the timer that starts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUnits {
    /// The name of both, without the ending.
    pub name: String,
    /// The text of the service.
    pub service: String,
    /// The text of the timer.
    pub timer: String,
}

/// Returns the units for a command: the program and its arguments, without `--once`.
pub fn units(profile: &str, secret: &str, command: &[String], interval: Duration) -> FollowUnits {
    let allowed = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one);
    let name: String = profile
        .chars()
        .map(|one| if allowed(one) { one } else { '-' })
        .collect();
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    let (words, seconds) = (words.join(" "), interval.as_secs().max(2));
    let (secret, profile) = (described(secret), described(profile));
    FollowUnits {
        name: format!("keyrota-follow-{name}"),
        service: format!(
            "[Unit]\n\
             Description=Keep the AWS profile {profile} current with the secret {secret}\n\
             Wants=network-online.target\n\
             After=network-online.target\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             TimeoutStartSec=15min\n\
             ExecStart={words} --once\n"
        ),
        timer: format!(
            "[Unit]\n\
             Description=Keep the AWS profile {profile} current with the secret {secret}\n\
             \n\
             [Timer]\n\
             OnBootSec=30s\n\
             OnUnitInactiveSec={}s\n\
             RandomizedDelaySec={}s\n\
             AccuracySec=1s\n\
             \n\
             [Install]\n\
             WantedBy=timers.target\n",
            seconds - seconds / 2,
            seconds / 2
        ),
    }
}

/// Returns a word as systemd reads it in `ExecStart` ("Quoting" in systemd.syntax(7); `$` and `%`
/// are doubled, systemd.service(5) and systemd.unit(5)).
fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for one in word.chars() {
        match one {
            '"' | '\\' => text.extend(['\\', one]),
            '$' | '%' => text.extend([one, one]),
            '\n' => text.push_str("\\n"),
            one => text.push(one),
        }
    }
    text.push('"');
    text
}

/// Returns a name for a description, in which `%` begins a specifier.
fn described(name: &str) -> String {
    name.replace('%', "%%")
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_run_the_command_once_in_each_interval() {
        let command = [
            "/usr/bin/keyrota",
            "follow",
            "plant/a b$HOME%i\"",
            "--profile",
            "plant",
        ];
        let command = command.map(str::to_owned);
        let units = units("plant/a b", "plant/%x", &command, Duration::from_secs(301));
        insta::assert_snapshot!(format!("{}\n{}--\n{}", units.name, units.service, units.timer), @r#"
        keyrota-follow-plant-a-b
        [Unit]
        Description=Keep the AWS profile plant/a b current with the secret plant/%%x
        Wants=network-online.target
        After=network-online.target

        [Service]
        Type=oneshot
        TimeoutStartSec=15min
        ExecStart="/usr/bin/keyrota" "follow" "plant/a b$$HOME%%i\"" "--profile" "plant" --once
        --
        [Unit]
        Description=Keep the AWS profile plant/a b current with the secret plant/%%x

        [Timer]
        OnBootSec=30s
        OnUnitInactiveSec=151s
        RandomizedDelaySec=150s
        AccuracySec=1s

        [Install]
        WantedBy=timers.target
        "#);
    }
}
