/**
 * How a fault kit reaches the thread of a server without being a part of the server's handle. Caller's thread.
 */
import type { FaultCommand, FaultResult } from './fault.js';

/** Sends a command to the server's thread. */
export type ServerLink = (command: FaultCommand) => Promise<FaultResult>;

/** By the handle that the caller has. */
export const serverLinks: WeakMap<object, ServerLink> = new WeakMap<object, ServerLink>();
