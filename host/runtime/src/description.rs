//! What a plugin says of itself, once it has been checked.

use crate::LoadError;
use crate::bindings::types;
use crate::config::ConfigSchema;
use crate::log::shown;
use crate::permissions::Permission;
use crate::world::World;

/// A plugin's word on itself.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) config_schema: ConfigSchema,
    pub(crate) permissions: Vec<Permission>,
}

impl Description {
    pub(crate) fn checked(said: types::Description, world: World) -> Result<Self, LoadError> {
        let types::Description { name, version, summary, config_schema, permissions } = said;
        Ok(Self {
            name: checked_name(name)?,
            version: checked_version(version)?,
            summary: checked_summary(summary)?,
            config_schema: ConfigSchema::checked(&config_schema).map_err(LoadError::Description)?,
            permissions: checked_permissions(permissions, world)?,
        })
    }
}

fn checked_name(name: String) -> Result<String, LoadError> {
    let allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        Ok(name)
    } else {
        Err(LoadError::Description(format!(
            "the name {name:.80?} is not 1 to 64 lower-case letters, digits and hyphens"
        )))
    }
}

fn checked_version(version: String) -> Result<String, LoadError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || ".-+".contains(character);
    if (1..=64).contains(&version.len()) && version.chars().all(allowed) {
        Ok(version)
    } else {
        Err(LoadError::Description(format!(
            "the version {version:.80?} is not 1 to 64 letters, digits, `.`, `-` and `+`"
        )))
    }
}

fn checked_summary(summary: String) -> Result<String, LoadError> {
    if summary.len() <= 1000 && !summary.contains(char::is_control) {
        Ok(summary)
    } else {
        Err(LoadError::Description("the summary is not one line of at most 1000 bytes".to_owned()))
    }
}

fn checked_permissions(said: Vec<types::Permission>, world: World) -> Result<Vec<Permission>, LoadError> {
    const MOST: usize = 64;
    if said.len() > MOST {
        return Err(LoadError::Description(format!("it wants {} permissions, more than {MOST}", said.len())));
    }
    let mut permissions = Vec::with_capacity(said.len());
    for permission in said.into_iter().map(Permission::from) {
        let problem = match &permission {
            Permission::OutboundHost(_) => Some("which is not offered yet".to_owned()),
            Permission::StoragePrefix(_) if world != World::StorageAdapter => {
                Some(format!("but a {world} has no store to use"))
            }
            other if !other.is_well_formed() => Some("which is not of the form that it has to be".to_owned()),
            other if permissions.contains(other) => Some("and wants it twice".to_owned()),
            _ => None,
        };
        if let Some(problem) = problem {
            let permission = shown(&permission.to_string(), 300);
            return Err(LoadError::Description(format!("it wants the permission `{permission}`, {problem}")));
        }
        permissions.push(permission);
    }
    Ok(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(change: impl FnOnce(&mut types::Description)) -> Result<Description, String> {
        let mut said = types::Description {
            name: "mean".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "The mean.".to_owned(),
            config_schema: r#"{"type": "object"}"#.to_owned(),
            permissions: Vec::new(),
        };
        change(&mut said);
        Description::checked(said, World::Aggregator).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut types::Description), text: &str) {
        let problem = checked(change).err().unwrap_or_default();
        assert!(problem.contains(text), "{problem}");
    }

    #[test]
    fn an_honest_one_is_taken() {
        assert!(checked(|_| ()).is_ok());
        assert!(checked(|said| said.permissions.push(types::Permission::WallClock)).is_ok());
    }

    #[test]
    fn what_a_terminal_or_a_path_would_read_is_refused() {
        refused(|said| said.name = "../mean".to_owned(), "the name");
        refused(|said| said.name = String::new(), "the name");
        refused(|said| said.version = "1\u{1b}[2J".to_owned(), "the version");
        refused(|said| said.summary = "a\nb".to_owned(), "the summary");
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        refused(|said| said.config_schema = "[]".to_owned(), "schema");
        refused(|said| said.config_schema = r##"{"$ref": "#"}"##.to_owned(), "schema");
    }

    #[test]
    fn permissions_that_nobody_can_grant_are_refused_by_name() {
        let wants =
            |permission: types::Permission| move |said: &mut types::Description| said.permissions.push(permission);
        refused(wants(types::Permission::OutboundHost("a.example".to_owned())), "outbound-host:a.example");
        refused(wants(types::Permission::StoragePrefix("a/".to_owned())), "storage-prefix:a/");
        refused(wants(types::Permission::Secret("a b".to_owned())), "secret:a b");
        refused(|said| said.permissions = vec![types::Permission::WallClock; 2], "twice");
        refused(|said| said.permissions = vec![types::Permission::WallClock; 100], "100");
    }
}
