//! The services of the shop: one row each.

use super::timeline::Incident;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Frontend,
    Cart,
    Checkout,
    Payments,
    Search,
    Catalog,
    Pricing,
    Inventory,
    Shipping,
    Review,
    Recommendation,
    Mail,
}

/// What is fixed about a service.
pub(crate) struct Row {
    pub(crate) service: Service,
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) port: i64,
    pub(crate) node: &'static str,
    /// Resident memory when idle; the gauge wanders around it.
    pub(crate) memory_mib: i64,
}

const fn row(
    service: Service,
    name: &'static str,
    version: &'static str,
    port: i64,
    node: &'static str,
    memory_mib: i64,
) -> Row {
    Row { service, name, version, port, node, memory_mib }
}

/// In the order of the enum, so that `service as usize` is the row.
pub(crate) const SERVICES: [Row; 12] = [
    row(Service::Frontend, "frontend", "3.12.1", 8080, "node-a", 180),
    row(Service::Cart, "cart", "1.9.0", 7070, "node-b", 64),
    row(Service::Checkout, "checkout", "2.2.4", 5050, "node-a", 96),
    row(Service::Payments, "payments", "2.4.0", 50051, "node-c", 310),
    row(Service::Search, "search", "4.0.2", 9090, "node-b", 420),
    row(Service::Catalog, "catalog", "2.7.3", 3550, "node-a", 140),
    row(Service::Pricing, "pricing", "1.3.8", 7001, "node-c", 48),
    row(Service::Inventory, "inventory", "1.6.5", 8082, "node-b", 120),
    row(Service::Shipping, "shipping", "0.9.14", 8083, "node-c", 72),
    row(Service::Review, "review", "1.8.3", 8084, "node-b", 256),
    row(Service::Recommendation, "recommendation", "5.1.0", 8085, "node-c", 510),
    row(Service::Mail, "mail", "1.1.1", 8086, "node-a", 40),
];

/// The version of payments that fails.
pub(crate) const PAYMENTS_BAD_VERSION: &str = "2.5.0";

// === impl Service ===

impl Service {
    pub(crate) fn row(self) -> &'static Row {
        &SERVICES[self as usize]
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    /// The version that runs during an incident; `None` when the service is down.
    pub(crate) fn version(self, incident: Incident) -> Option<&'static str> {
        match (self, incident) {
            (Self::Review, Incident::ReviewDown) => None,
            (Self::Payments, Incident::BadPayments) => Some(PAYMENTS_BAD_VERSION),
            _ => Some(self.row().version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_its_row_and_names_are_unique() {
        let mut names = Vec::new();
        for (index, row) in SERVICES.iter().enumerate() {
            assert_eq!(row.service as usize, index);
            names.push(row.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SERVICES.len());
    }

    #[test]
    fn only_the_broken_service_changes_in_an_incident() {
        for row in &SERVICES {
            let down = row.service.version(Incident::ReviewDown).is_none();
            assert_eq!(down, row.service == Service::Review, "{}", row.name);
            let bad = row.service.version(Incident::BadPayments) != Some(row.version);
            assert_eq!(bad, row.service == Service::Payments, "{}", row.name);
        }
    }
}
