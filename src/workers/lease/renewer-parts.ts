/** What renewing needs of the rest of the lease engine. Types only. */
import type { LeaseEngineInit, LookAtClocks } from './engine-parts.js';
import type { LeaseLanes } from './lease-lanes.js';
import type { LeaseReports } from './lease-reports.js';
import type { LeaseTable } from './lease-table.js';

export interface RenewerParts {
  readonly init: Pick<LeaseEngineInit, 'clock' | 'timers' | 'random' | 'credentials'>;
  readonly table: LeaseTable;
  readonly reports: LeaseReports;
  readonly lanes: () => LeaseLanes;
  readonly look: LookAtClocks;
  /** A grant that seemed to have been carried out was not, or has run out meanwhile. */
  readonly regrant: (slot: number) => void;
}
