//! Rule groups that come by the API: one document each, evaluated beside those of files.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use store::model::Tenant;
use store::{Change, DocumentKind, StoreError};

use super::file::{self, Group};
use super::manager::Rules;
use super::query::Language;

/// Between the parts of a document's id; in none of them.
const SEPARATOR: char = ';';
/// Groups of a tenant.
const GROUPS_MAX: usize = 10_000;

/// Whose API it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RuleApi {
    /// Mimir's, of Prometheus' rules.
    Prometheus,
    Loki,
}

/// A group as somebody sent it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredGroup {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) yaml: String,
}

/// Why a group was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    Bad(String),
    #[error("group does not exist")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

// === impl RuleApi ===

impl RuleApi {
    fn word(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Loki => "loki",
        }
    }

    /// Of rules that name none: `None` goes by their grammar.
    fn language(self) -> Option<Language> {
        match self {
            Self::Prometheus => None,
            Self::Loki => Some(Language::Logql),
        }
    }

    /// In the place of a group's file.
    fn origin(self) -> &'static str {
        match self {
            Self::Prometheus => "api;",
            Self::Loki => "loki-api;",
        }
    }

    fn id(self, namespace: &str, group: &str) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        format!("{}{SEPARATOR}{}{SEPARATOR}{}", self.word(), escaped(namespace), escaped(group))
    }

    /// Namespace and name of a group of this API.
    fn names(self, id: &str) -> Option<(String, String)> {
        let mut parts = id.split(SEPARATOR);
        let (word, namespace, group) = (parts.next()?, parts.next()?, parts.next()?);
        let plain = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
        (word == self.word()).then(|| Some((plain(namespace)?, plain(group)?)))?
    }

    fn parse(self, namespace: &str, yaml: &str) -> Result<Group, String> {
        let group = file::parse_group(namespace, yaml, self.language()).map_err(|all| all.join("; "))?;
        Ok(Group { origin: self.origin(), ..group })
    }
}

// === impl Rules ===

impl Rules {
    /// The groups of one API, by namespace and name.
    pub(crate) async fn stored(&self, tenant: &Tenant, api: RuleApi) -> Result<Vec<StoredGroup>, StoreError> {
        let documents = self.0.store.documents().list(tenant, DocumentKind::RuleGroup).await?;
        let stored = documents.into_iter().filter_map(|document| {
            let (namespace, name) = api.names(&document.id)?;
            let yaml = String::from_utf8(document.bytes.to_vec()).ok()?;
            Some(StoredGroup { namespace, name, yaml })
        });
        let mut all: Vec<StoredGroup> = stored.collect();
        all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(all)
    }

    /// Keeps a group, or changes the one of its name; it is evaluated from now on.
    pub(crate) async fn put_group(
        &self,
        tenant: &Tenant,
        api: RuleApi,
        namespace: &str,
        yaml: &str,
    ) -> Result<(), Refused> {
        let group = api.parse(namespace, yaml).map_err(Refused::Bad)?;
        let id = api.id(namespace, &group.name);
        let known = self.0.store.documents().list(tenant, DocumentKind::RuleGroup).await?;
        if known.len() >= GROUPS_MAX && !known.iter().any(|document| document.id == id) {
            return Err(Refused::Bad(format!("a tenant has at most {GROUPS_MAX} rule groups")));
        }
        let put = Change::Put { kind: DocumentKind::RuleGroup, id, bytes: yaml.as_bytes().to_vec() };
        self.0.store.documents().commit(tenant, vec![put]).await?;
        Ok(self.take_up(tenant, group).await?)
    }

    /// Deletes a group, or all of a namespace: their alerts are over.
    pub(crate) async fn delete_groups(
        &self,
        tenant: &Tenant,
        api: RuleApi,
        namespace: &str,
        group: Option<&str>,
    ) -> Result<(), Refused> {
        let stored = self.stored(tenant, api).await?;
        let meant =
            |one: &&StoredGroup| one.namespace == namespace && group.is_none_or(|name| one.name == name);
        let gone: Vec<&StoredGroup> = stored.iter().filter(meant).collect();
        if gone.is_empty() {
            return Err(Refused::NotFound);
        }
        let delete = |one: &&StoredGroup| Change::Delete {
            kind: DocumentKind::RuleGroup,
            id: api.id(&one.namespace, &one.name),
        };
        self.0.store.documents().commit(tenant, gone.iter().map(delete).collect()).await?;
        let names: Vec<&str> = gone.iter().map(|one| one.name.as_str()).collect();
        Ok(self.let_go(tenant, api.origin(), namespace, &names).await?)
    }

    /// All tenants' groups of both APIs. One that this version cannot read is left out and said so.
    pub(super) async fn all_stored(&self) -> Result<Vec<(Tenant, Group)>, StoreError> {
        let mut groups = Vec::new();
        for tenant in self.0.store.documents().tenants(DocumentKind::RuleGroup).await? {
            for api in [RuleApi::Prometheus, RuleApi::Loki] {
                for stored in self.stored(&tenant, api).await? {
                    match api.parse(&stored.namespace, &stored.yaml) {
                        Ok(group) => groups.push((tenant.clone(), group)),
                        Err(problem) => {
                            tracing::error!(%tenant, group = stored.name, problem, "a rule group cannot be read");
                        }
                    }
                }
            }
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_whose_group_it_is() {
        let id = RuleApi::Loki.id("team a;b/c", "g;1");
        assert_eq!(RuleApi::Loki.names(&id), Some(("team a;b/c".into(), "g;1".into())));
        assert_eq!(RuleApi::Prometheus.names(&id), None);
        assert_eq!(id.matches(SEPARATOR).count(), 2);
    }

    #[test]
    fn what_comes_by_lokis_api_is_logql() {
        let yaml = "name: g\nrules: [{alert: A, expr: 'sum(rate({app=\"x\"}[1m])) > 1'}]";
        let language = |api: RuleApi| api.parse("n", yaml).unwrap().rules[0].query.language();
        assert_eq!(language(RuleApi::Loki), Language::Logql);
        assert_eq!(language(RuleApi::Prometheus), Language::Promql);
        assert!(RuleApi::Loki.parse("n", "name: g\nrules: [{alert: A, expr: 'up =='}]").is_err());
    }
}
