//! The one table of error classes: every typed error of every crate names its class, and doors answer by the class.

/// What went wrong from the caller's side. Exhaustive on purpose: a new class must be answered at every door.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ErrorClass {
    /// All of the data is malformed, or a query is.
    BadData,
    /// The body, decompressed, or a part of it is over a limit.
    TooLarge,
    WrongContentType,
    /// No credential, or one nobody issued.
    Unauthenticated,
    /// A known principal that may not do this.
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// The tenant is over its quota; it may retry.
    OverQuota,
    /// Overloaded, disk full, fsync error, starting or draining: transient, nothing was stored.
    Unavailable,
    /// A query reached a limit on rows, bytes or series.
    QueryLimit,
    /// A query reached its deadline.
    Deadline,
    /// The client hung up.
    Canceled,
    /// Our fault.
    Internal,
}

/// gRPC status codes by their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum GrpcCode {
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

impl ErrorClass {
    pub const ALL: [Self; 13] = [
        Self::BadData,
        Self::TooLarge,
        Self::WrongContentType,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::OverQuota,
        Self::Unavailable,
        Self::QueryLimit,
        Self::Deadline,
        Self::Canceled,
        Self::Internal,
    ];

    /// The HTTP status code.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::BadData => 400,
            Self::TooLarge => 413,
            Self::WrongContentType => 415,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::OverQuota => 429,
            Self::Unavailable => 503,
            Self::QueryLimit => 422,
            Self::Deadline => 504,
            Self::Canceled => 499,
            Self::Internal => 500,
        }
    }

    pub const fn grpc_code(self) -> GrpcCode {
        match self {
            Self::BadData | Self::WrongContentType => GrpcCode::InvalidArgument,
            Self::TooLarge | Self::OverQuota | Self::QueryLimit => GrpcCode::ResourceExhausted,
            Self::Unauthenticated => GrpcCode::Unauthenticated,
            Self::Forbidden => GrpcCode::PermissionDenied,
            Self::NotFound => GrpcCode::NotFound,
            Self::MethodNotAllowed => GrpcCode::Unimplemented,
            Self::Unavailable => GrpcCode::Unavailable,
            Self::Deadline => GrpcCode::DeadlineExceeded,
            Self::Canceled => GrpcCode::Cancelled,
            Self::Internal => GrpcCode::Internal,
        }
    }

    /// Seconds to name in `Retry-After` and `RetryInfo`; `None`: the client is not told to retry.
    pub const fn retry_after_s(self) -> Option<u32> {
        match self {
            Self::OverQuota => Some(5),
            Self::Unavailable => Some(1),
            _ => None,
        }
    }

    /// The class as an ingestion door answers it: a bug before the WAL write stored nothing, so the client may
    /// retry, and OTLP clients drop data on 500.
    pub const fn at_ingestion(self) -> Self {
        match self {
            Self::Internal | Self::Deadline | Self::Canceled => Self::Unavailable,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ingestion_never_answers_what_makes_otlp_clients_drop_data() {
        for class in ErrorClass::ALL {
            let at_door = class.at_ingestion();
            assert!(![500, 408, 504].contains(&at_door.http_status()), "{class:?}");
            assert_ne!(at_door.grpc_code(), GrpcCode::Internal, "{class:?}");
        }
    }

    #[test]
    fn retryable_classes_and_only_they_carry_a_hint() {
        for class in ErrorClass::ALL {
            let retryable = matches!(class, ErrorClass::OverQuota | ErrorClass::Unavailable);
            assert_eq!(class.retry_after_s().is_some(), retryable, "{class:?}");
        }
    }
}
