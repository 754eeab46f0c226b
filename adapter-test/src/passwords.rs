//! Random passwords that follow a secret's rules, as `GetRandomPassword` of Secrets Manager does.

use keyrota_contract::pins::service::CharacterClass;
use keyrota_function_base::secrets_manager::PasswordRule;
use secrecy::SecretString;

/// Why no password can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The rules leave too few characters.
    #[error("the rules for passwords leave no character, or require more than the length has")]
    Impossible,
    /// The operating system has no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
}

/// Returns a random password with a character of each class that the rules allow.
///
/// # Errors
///
/// Fails if the rules cannot be followed.
pub fn random(rule: &PasswordRule) -> Result<SecretString, PasswordError> {
    let allowed: Vec<char> = ('!'..='~')
        .filter(|character| !rule.exclude.contains(*character))
        .collect();
    let mut text = Vec::new();
    for class in CharacterClass::ALL {
        let of_class: Vec<char> = allowed
            .iter()
            .copied()
            .filter(|one| class.contains(*one))
            .collect();
        if !of_class.is_empty() {
            text.push(pick(&of_class)?);
        }
    }
    let length = usize::from(rule.length);
    if allowed.is_empty() || text.len() > length {
        return Err(PasswordError::Impossible);
    }
    while text.len() < length {
        text.push(pick(&allowed)?);
    }
    // The characters of each class are not always the first.
    for last in (1..text.len()).rev() {
        text.swap(last, below(last + 1)?);
    }
    Ok(text.into_iter().collect::<String>().into())
}

/// Returns the rules that most services follow.
pub fn usual_rule() -> PasswordRule {
    PasswordRule {
        length: 32,
        exclude: String::new(),
        require: Vec::new(),
    }
}

fn pick(characters: &[char]) -> Result<char, PasswordError> {
    Ok(characters[below(characters.len())?])
}

/// Returns a random number below a limit, each with the same probability.
fn below(limit: usize) -> Result<usize, PasswordError> {
    let limit = limit as u64;
    let fair = u64::MAX - u64::MAX % limit;
    loop {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|_| PasswordError::NoRandomness)?;
        let number = u64::from_ne_bytes(bytes);
        if number < fair {
            return Ok(usize::try_from(number % limit).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_password_follows_the_rules() {
        let rule = PasswordRule {
            length: 4,
            exclude: "abc!".to_owned(),
            require: Vec::new(),
        };
        for _ in 0..200 {
            let password = random(&rule).unwrap();
            let text = password.expose_secret();
            assert_eq!(text.chars().count(), 4);
            assert!(!text.contains(['a', 'b', 'c', '!']));
            for class in CharacterClass::ALL {
                assert!(text.chars().any(|one| class.contains(one)), "{class:?}");
            }
        }
        let impossible = PasswordRule { length: 3, ..rule };
        assert_eq!(random(&impossible).err(), Some(PasswordError::Impossible));
    }
}
