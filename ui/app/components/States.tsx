/** What a page shows when it has nothing to show: loading, empty, or failed. All keep the place of what will come. */
import { Button, Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { ApiError } from '../lib/api';

export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="state" data-state="empty">
      <strong>{title}</strong>
      {children ? <p>{children}</p> : null}
      {action}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { title, detail } = explain(error);
  return (
    <div className="state" data-state="error" role="alert">
      <strong>{title}</strong>
      <pre>{detail}</pre>
      {retry ? (
        <Button variant="default" mt={6} onClick={retry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}

/** Old data is on the screen, but the newest request failed: say so without taking the data away. */
export function FailureLine({ error, retry }: { error: unknown; retry?: () => void }) {
  const { title, detail } = explain(error);
  return (
    <div className="failure-line" role="alert" data-state="error">
      <span>
        <b>{title}</b> <span className="muted">{detail}</span>
      </span>
      {retry ? (
        <Button variant="default" size="compact-xs" ml="auto" onClick={retry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}

export function PageFailure({ error }: { error: unknown }) {
  return (
    <div className="page">
      <Failure error={error} retry={() => window.location.reload()} />
    </div>
  );
}

export function Rows({ count, height = 34 }: { count: number; height?: number }) {
  return (
    <div data-state="loading" aria-busy="true" aria-label="Loading">
      {Array.from({ length: count }, (_, i) => (
        <div key={i} style={{ height, padding: `${(height - 10) / 2}px 12px` }}>
          <Skeleton height={10} width={`${92 - ((i * 37) % 40)}%`} />
        </div>
      ))}
    </div>
  );
}

function explain(error: unknown): { title: string; detail: string } {
  if (error instanceof ApiError) {
    const title =
      error.status === 0 ? 'No connection'
      : error.status === 400 || error.status === 422 ? 'The query was refused'
      : error.status === 401 ? 'A token is needed'
      : error.status === 403 ? 'Not allowed'
      : error.status === 404 ? 'Not found'
      : error.status === 429 || error.status === 503 ? 'The server is busy'
      : 'The server failed';
    return { title, detail: `${error.message}\n${error.path}` };
  }
  return { title: 'Something went wrong', detail: error instanceof Error ? error.message : String(error) };
}
