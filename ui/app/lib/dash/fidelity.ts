/** The report of a dashboard's JSON for programs outside of the app (tests/fidelity.mjs). */
import { readDashboard } from './migrate';
import { type Report, reportOf } from './report';

export function judge(model: unknown): Report & { title: string } {
  const dashboard = readDashboard(model);
  return { title: dashboard.title, ...reportOf(dashboard) };
}
