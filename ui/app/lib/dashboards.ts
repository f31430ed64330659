/** The documents API: dashboards with their versions. */
import { getJson, sendJson } from './api';
import type { Json } from './dash/json';

export type Summary = { uid: string; title: string; folder: string; tags: string[]; version: number; updated_ms: number; shipped: boolean };
export type Version = { version: number; at_ms: number; by: string; message: string };
export type Stored = Summary & { versions: Version[]; model: Json };
export type Save = { model: Json; folder: string; message: string; version?: number };

const PATH = '/api/signalbox/dashboards';
const at = (uid: string) => `${PATH}/${encodeURIComponent(uid)}`;

/** The list with what is wrong with files, if dashboards come from files. */
export type Listing = { dashboards: Summary[]; problems: string[] };

export async function listing(signal?: AbortSignal): Promise<Listing> {
  const answer = await getJson<Partial<Listing>>(PATH, {}, signal);
  return { dashboards: answer.dashboards ?? [], problems: answer.problems ?? [] };
}

export async function list(signal?: AbortSignal): Promise<Summary[]> {
  return (await listing(signal)).dashboards;
}

export async function get(uid: string, signal?: AbortSignal): Promise<Stored> {
  return getJson<Stored>(at(uid), {}, signal);
}

export async function version(uid: string, number: number, signal?: AbortSignal): Promise<Json> {
  return (await getJson<{ model: Json }>(`${at(uid)}/versions/${number}`, {}, signal)).model;
}

export async function save(uid: string, body: Save): Promise<Summary> {
  return sendJson<Summary>('PUT', at(uid), body);
}

export async function remove(uid: string): Promise<void> {
  await sendJson('DELETE', at(uid));
}

/** Letters, digits, - and _ only, as the server wants them. */
export function uidOf(text: string): string {
  const plain = text.toLowerCase().normalize('NFKD').replace(/[^a-z0-9_-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40);
  return plain || `d-${Date.now().toString(36)}`;
}
