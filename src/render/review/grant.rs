//! Splits permissions into single grants: one action on one resource by one principal. Two
//! renderings can thus be compared regardless of how they split their statements.

use std::collections::{BTreeMap, BTreeSet};

use super::grouping::is_of_secrets;
use super::permission;
use super::sentence::{self, Sentence, SentenceContext};
use super::subject::Holder;
use crate::render::document::Document;
use crate::render::statement::{Condition, Principal, Statement};

/// One action on one resource, by one principal, for one secret. A statement with exceptions is
/// not split.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    holder: Holder,
    statement: Statement,
}

/// Returns the grants in the documents of a stack.
pub fn grants(documents: &[Document]) -> BTreeSet<Grant> {
    let mut grants = BTreeSet::new();
    for document in documents {
        let holder = permission::holder(document);
        take_apart(&holder, &document.statements, &mut grants);
    }
    grants
}

fn take_apart(holder: &Holder, statements: &[Statement], grants: &mut BTreeSet<Grant>) {
    for whole in statements {
        if !whole.excepts.is_empty() {
            grants.insert(Grant {
                holder: holder.clone(),
                statement: Statement {
                    sid: String::new(),
                    ..whole.clone()
                },
            });
            continue;
        }
        for principal in one_by_one(&whole.principals) {
            for action in &whole.actions {
                for resource in one_by_one(&whole.resources) {
                    for conditions in by_secret(&whole.conditions) {
                        grants.insert(Grant {
                            holder: holder.clone(),
                            statement: Statement {
                                principals: principal.clone(),
                                actions: vec![action.clone()],
                                resources: resource.clone(),
                                conditions,
                                ..Statement {
                                    denies: whole.denies,
                                    ..Statement::default()
                                }
                            },
                        });
                    }
                }
            }
        }
    }
}

/// Returns a list for each item, or one empty list if there are no items.
fn one_by_one<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    match items {
        [] => vec![Vec::new()],
        some => some.iter().map(|one| vec![one.clone()]).collect(),
    }
}

/// Returns the conditions once for each secret that they name.
fn by_secret(conditions: &[Condition]) -> Vec<Vec<Condition>> {
    let Some(place) = conditions.iter().position(is_of_secrets) else {
        return vec![conditions.to_vec()];
    };
    let each = conditions[place].values.iter().map(|value| {
        let mut conditions = conditions.to_vec();
        conditions[place].values = vec![value.clone()];
        conditions
    });
    each.collect()
}

/// Returns the grants in the smallest number of sentences with the same meaning.
pub fn sentences<'a>(
    grants: impl IntoIterator<Item = &'a Grant>,
    setting: &SentenceContext,
) -> Vec<Sentence> {
    let grants = grants.into_iter().cloned().collect::<Vec<_>>();
    let grants = join(grants, |one| &mut one.statement.actions);
    let grants = join(grants, |one| &mut one.statement.resources);
    let grants = join_secrets(grants);
    let grants = join::<Principal>(grants, |one| &mut one.statement.principals);
    let grants = join_users(grants);
    let told = grants.iter().map(|one| {
        let said = sentence::sentence(&one.holder, &one.statement, setting, false);
        Sentence {
            prose: said.prose.capitalised(),
            ..said
        }
    });
    told.collect()
}

/// Combines grants that differ in only one list.
fn join<T: Clone + Ord>(
    grants: Vec<Grant>,
    list: impl Fn(&mut Grant) -> &mut Vec<T>,
) -> Vec<Grant> {
    let mut joined: BTreeMap<Grant, Vec<T>> = BTreeMap::new();
    for mut grant in grants {
        // A grant with exceptions cannot be combined with another.
        let mut items = Vec::new();
        if grant.statement.excepts.is_empty() {
            items = std::mem::take(list(&mut grant));
        }
        joined.entry(grant).or_default().extend(items);
    }
    let whole = joined.into_iter().map(|(mut grant, mut items)| {
        items.sort();
        items.dedup();
        if grant.statement.excepts.is_empty() {
            *list(&mut grant) = items;
        }
        grant
    });
    whole.collect()
}

fn join_secrets(grants: Vec<Grant>) -> Vec<Grant> {
    let place = |grant: &Grant| grant.statement.conditions.iter().position(is_of_secrets);
    let (with, mut without): (Vec<Grant>, Vec<Grant>) =
        grants.into_iter().partition(|one| place(one).is_some());
    without.extend(join(with, move |grant| {
        let place = place(grant).unwrap_or_default();
        &mut grant.statement.conditions[place].values
    }));
    without.sort();
    without
}

fn join_users(grants: Vec<Grant>) -> Vec<Grant> {
    let users = |grant: &Grant| matches!(grant.holder, Holder::Users(_));
    let (of_users, mut others): (Vec<Grant>, Vec<Grant>) = grants.into_iter().partition(users);
    let mut joined: BTreeMap<Statement, Vec<String>> = BTreeMap::new();
    for grant in of_users {
        if let Holder::Users(names) = grant.holder {
            joined.entry(grant.statement).or_default().extend(names);
        }
    }
    others.extend(joined.into_iter().map(|(statement, mut names)| {
        names.sort();
        names.dedup();
        Grant {
            holder: Holder::Users(names),
            statement,
        }
    }));
    others
}
