//! Middleware that a scenario can name.

use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::Deserialize;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};
use tidelog::{
    aggregate::DecideError,
    commit::Command,
    engine::{AppendContext, CommandContext, Middleware, NextAppend, NextCommand, Receipt, WriteError},
};

/// What stands around commands and appends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Layer {
    /// Says on whose behalf, where nobody did.
    Signs(String),
    /// Gives commands of these types as others.
    Renames(BTreeMap<String, String>),
    /// Gives other commands instead of these types, from the second of a type on.
    Amends {
        commands: BTreeMap<String, Command>,
        #[serde(skip)]
        seen: RefCell<BTreeSet<String>>,
    },
    /// Refuses commands of these types.
    Forbids(Vec<String>),
    /// Refuses appends to these streams.
    Freezes(Vec<String>),
}

fn refused<T>(code: &str, message: String) -> LocalBoxFuture<'static, Result<T, WriteError>>
where
    T: 'static,
{
    let error = DecideError::Refused { code: Some(code.into()), message };
    async { Err(error.into()) }.boxed_local()
}

impl Middleware for Layer {
    fn command<'a>(
        &'a self,
        mut context: CommandContext,
        next: NextCommand<'a>,
    ) -> LocalBoxFuture<'a, Result<Receipt, WriteError>> {
        let command_type = &mut context.command.command_type;
        match self {
            Self::Signs(actor) => {
                context.options.actor.get_or_insert_with(|| actor.clone());
            }
            Self::Renames(names) => {
                if let Some(name) = names.get(&**command_type) {
                    *command_type = name.as_str().into();
                }
            }
            Self::Amends { commands, seen } => {
                let is_first = seen.borrow_mut().insert(command_type.to_string());
                if let Some(command) = commands.get(&**command_type).filter(|_| !is_first) {
                    context.command = command.clone();
                }
            }
            Self::Forbids(types) if types.iter().any(|name| **name == **command_type) => {
                return refused("forbidden", format!("{command_type} is forbidden here"));
            }
            Self::Forbids(_) | Self::Freezes(_) => {}
        }
        next.run(context)
    }

    fn append<'a>(
        &'a self,
        context: AppendContext,
        next: NextAppend<'a>,
    ) -> LocalBoxFuture<'a, Result<(), WriteError>> {
        if let Self::Freezes(streams) = self
            && let Some(commit) =
                context.commits.iter().find(|it| streams.iter().any(|name| name == it.stream.as_str()))
        {
            return refused("frozen", format!("{} is frozen", commit.stream));
        }
        next.run(context)
    }
}
