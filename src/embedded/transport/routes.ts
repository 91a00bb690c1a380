/**
 * Finds the method of a path. Pure. Refusals have the texts of etcd's gRPC library.
 */
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';
import type { Service, StreamMethod, UnaryMethod } from '../services/service.js';

/** The methods of a server by their paths. */
export class Routes {
  readonly #methods = new Map<string, UnaryMethod | StreamMethod>();
  readonly #services = new Set<string>();

  constructor(services: readonly Service[]) {
    for (const { name, methods } of services) {
      this.#services.add(name);
      for (const [method, serve] of Object.entries(methods)) this.#methods.set(`/${name}/${method}`, serve);
    }
  }

  /** @throws RpcFailure Unimplemented. */
  find(path: string): UnaryMethod | StreamMethod {
    const found = this.#methods.get(path);
    if (found !== undefined) return found;
    const slash = path.lastIndexOf('/');
    if (!path.startsWith('/') || slash <= 0)
      throw new RpcFailure(GrpcStatus.UNIMPLEMENTED, `malformed method name: ${JSON.stringify(path)}`);
    const service = path.slice(1, slash);
    const text = this.#services.has(service)
      ? `unknown method ${path.slice(slash + 1)} for service ${service}`
      : `unknown service ${service}`;
    throw new RpcFailure(GrpcStatus.UNIMPLEMENTED, text);
  }
}
