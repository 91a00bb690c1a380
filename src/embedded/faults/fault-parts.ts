/**
 * What the wrapped services share. Server thread; pure.
 */
import type { FaultAction, ServerAction } from './fault.js';
import type { FaultBoard } from './fault-board.js';
import type { Leadership } from './leadership.js';

/** What faults work on. */
export interface FaultParts {
  readonly board: FaultBoard;
  readonly leadership: Leadership;
  /** Does what concerns the server as a whole. */
  readonly act: (action: ServerAction) => void;
}

/** Whether an action is about the server, not the call. */
export function isServerAction(action: FaultAction): action is ServerAction {
  switch (action.kind) {
    case 'refuse':
    case 'delay':
    case 'cut':
    case 'stall':
    case 'go-away':
      return false;
    case 'compact':
    case 'expire-tokens':
    case 'bump-auth-revision':
    case 'advance-clock':
    case 'roll-back':
    case 'no-leader':
    case 'leader-back':
      return true;
    default:
      return action satisfies never;
  }
}
