import type { Exemplar } from '../../lib/exemplars';
import type { Frame } from '../../lib/dash/frames';
import type { Scope } from '../../lib/dash/interpolate';
import type { Panel } from '../../lib/dash/model';
import type { Mark } from '../../lib/dash/query';

/** What every visualization gets: the frames are transformed and configured. */
export type VizProps = {
  panel: Panel;
  frames: Frame[];
  width: number;
  height: number;
  startMs: number;
  endMs: number;
  scope: Scope;
  marks: readonly Mark[];
  exemplars?: readonly Exemplar[] | undefined;
  /** One cursor for all panels of a dashboard. */
  sync: string | undefined;
  onZoom: (startMs: number, endMs: number) => void;
};
