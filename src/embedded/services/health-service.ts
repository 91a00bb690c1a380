/** The health service of gRPC: the server as a whole serves, and etcd names no service beside that. Server thread. */
import { grpc } from '../../generated/etcd.js';
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';
import { stream, unary, type Service } from './service.js';

const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;
const { SERVING, SERVICE_UNKNOWN } = HealthCheckResponse.ServingStatus;

/** The service `grpc.health.v1.Health`. */
export function healthService(): Service {
  return {
    name: 'grpc.health.v1.Health',
    methods: {
      Check: unary(HealthCheckRequest, HealthCheckResponse, ({ service }) => {
        if (service !== '') throw new RpcFailure(GrpcStatus.NOT_FOUND, 'unknown service');
        return { status: SERVING };
      }),
      // The status never changes: the stream says it once and stays open until the client ends it.
      Watch: stream(HealthCheckRequest, HealthCheckResponse, (call) => {
        call.onRequest(({ service }) => {
          call.write({ status: service === '' ? SERVING : SERVICE_UNKNOWN });
        });
      }),
    },
  };
}
