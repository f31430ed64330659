//! Longer texts that the services write.

pub(crate) const CHARGE_EXCEPTION: &str = "shop.payments.CurrencyMismatch";
pub(crate) const CHARGE_MESSAGE: &str = "no conversion for currency code '' in charge request";

pub(crate) fn charge_stacktrace() -> String {
    let frames = [
        "shop.payments.money.Converter.rate(Converter.java:88)",
        "shop.payments.money.Converter.convert(Converter.java:61)",
        "shop.payments.charge.ChargeHandler.amount(ChargeHandler.java:143)",
        "shop.payments.charge.ChargeHandler.handle(ChargeHandler.java:97)",
        "shop.payments.http.Router.dispatch(Router.java:210)",
        "shop.payments.http.Worker.run(Worker.java:34)",
    ];
    let mut trace = format!("{CHARGE_EXCEPTION}: {CHARGE_MESSAGE}");
    for frame in frames {
        trace.push_str("\n\tat ");
        trace.push_str(frame);
    }
    trace
}

pub(crate) fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_two_places() {
        assert_eq!(money(1_905), "19.05");
        assert_eq!(money(7), "0.07");
    }

    #[test]
    fn the_stack_trace_begins_with_the_exception() {
        let trace = charge_stacktrace();
        assert!(trace.starts_with(CHARGE_EXCEPTION));
        assert_eq!(trace.lines().count(), 7);
    }
}
