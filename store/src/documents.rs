//! Documents: small things somebody saved or a task must remember (rule state, outbox, silences, dashboards).

use std::sync::Arc;

use crate::StoreError;
use crate::blocking::blocking;
use crate::catalog::Catalog;
use crate::model::Tenant;

/// What a document is. The texts are in the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum DocumentKind {
    /// State of one rule group's alerts and timers.
    RuleState,
    /// A notification that waits for delivery.
    Outbox,
    /// A notification that was delivered or given up.
    Notification,
    Silence,
    /// What a dashboard is called and which versions it has; the versions are documents of their own.
    Dashboard,
    /// One version of a dashboard, as JSON.
    DashboardVersion,
    /// A message of the demo's chat room.
    ChatMessage,
    /// Log records somebody had deleted.
    Deletion,
    /// A mark on the time axis, such as a deployment.
    Annotation,
    /// What happened to an alert, and why.
    AlertHistory,
    /// A rule group that came by the API, as YAML.
    RuleGroup,
}

impl DocumentKind {
    pub const ALL: [Self; 11] = [
        Self::RuleState,
        Self::Outbox,
        Self::Notification,
        Self::Silence,
        Self::Dashboard,
        Self::DashboardVersion,
        Self::ChatMessage,
        Self::Deletion,
        Self::Annotation,
        Self::AlertHistory,
        Self::RuleGroup,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RuleState => "rule_state",
            Self::Outbox => "outbox",
            Self::Notification => "notification",
            Self::Silence => "silence",
            Self::Dashboard => "dashboard",
            Self::DashboardVersion => "dashboard_version",
            Self::ChatMessage => "chat_message",
            Self::Deletion => "deletion",
            Self::Annotation => "annotation",
            Self::AlertHistory => "alert_history",
            Self::RuleGroup => "rule_group",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub id: String,
    /// Grows with every change of the document.
    pub revision: u64,
    pub bytes: Arc<[u8]>,
}

/// One step of a commit.
#[derive(Clone, Debug)]
pub enum Change {
    Put { kind: DocumentKind, id: String, bytes: Vec<u8> },
    Delete { kind: DocumentKind, id: String },
}

/// The documents of all tenants. Every call names its tenant; a commit is one transaction.
#[derive(Clone)]
pub struct Documents(pub(crate) Arc<dyn Catalog>);

impl Documents {
    pub async fn get(
        &self,
        tenant: &Tenant,
        kind: DocumentKind,
        id: &str,
    ) -> Result<Option<Document>, StoreError> {
        let (catalog, tenant, id) = (Arc::clone(&self.0), tenant.clone(), id.to_owned());
        Ok(blocking(move || catalog.document(&tenant, kind, &id)).await??)
    }

    /// All of one kind, by id.
    pub async fn list(&self, tenant: &Tenant, kind: DocumentKind) -> Result<Vec<Document>, StoreError> {
        let (catalog, tenant) = (Arc::clone(&self.0), tenant.clone());
        Ok(blocking(move || catalog.documents(&tenant, kind)).await??)
    }

    /// The tenants that have documents of a kind: for tasks that resume their work at start.
    pub async fn tenants(&self, kind: DocumentKind) -> Result<Vec<Tenant>, StoreError> {
        let catalog = Arc::clone(&self.0);
        Ok(blocking(move || catalog.document_tenants(kind)).await??)
    }

    /// All changes or none; durable when it returns.
    pub async fn commit(&self, tenant: &Tenant, changes: Vec<Change>) -> Result<(), StoreError> {
        let (catalog, tenant) = (Arc::clone(&self.0), tenant.clone());
        Ok(blocking(move || catalog.change_documents(&tenant, changes)).await??)
    }
}
