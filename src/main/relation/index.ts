/**
 * The public names of etcd-vigil/relation, one by one. Loaded by hooks, which live for a second: nothing here may lead to
 * the engine, gRPC, protobuf code or worker threads.
 */
import '../../wire/require-node.js';
export type {
  ConfigValue,
  Databag,
  DatabagChange,
  HookContext,
  JujuBackend,
  LogLevel,
  NetworkInfo,
  NewSecretContent,
  RelationHook,
  RelationPhase,
  SecretContent,
  SecretHook,
  SecretInfo,
  SecretOptions,
  SecretRef,
  SecretRevision,
  WorkloadStatus,
} from './backend.js';
export type {
  EndpointDeclaration,
  EndpointEvent,
  EndpointRole,
  EtcdConnectionInfo,
  EtcdConnectionSource,
  RelationEndpoint,
  RelationTls,
} from './relation-endpoint.js';

export { EtcdRequires } from './etcd-requires.js';
export type { ClientCredentials, EtcdRequiresEventType, RelationChoice } from './etcd-requires.js';
export type { EtcdRequiresEvent } from './requirer-snapshot.js';
export { EtcdProvides } from './etcd-provides.js';
export type { EtcdProvidesEvent, Published } from './etcd-provides.js';
export { EtcdClientRequires } from './etcd-client/etcd-client-requires.js';
export type { RelationStatuses } from './etcd-client/etcd-client-requires.js';
export type { ClientCertificate, EtcdClientRequiresOptions } from './etcd-client/requirer-options.js';
export { EtcdClientProvides } from './etcd-client/etcd-client-provides.js';
export type { EtcdClientProvidesEvent } from './etcd-client/etcd-client-provides.js';
export type { AccessRequest } from './etcd-client/access-request.js';
export type { ProvidedAccess } from './etcd-client/answer-publisher.js';
export type { ProviderStatus } from './etcd-client/client-answer.js';
export type { AnswerProtocol, EtcdClientProtocol, RequestExtras } from './etcd-client/client-request.js';
export type { EtcdRelationView, EtcdUnitView } from './etcd-view.js';
export type { LiveRelation } from './live-relations.js';
export { Reactive } from './reactive.js';
export type { FlagCondition, ReactiveHandler, ReactiveOptions } from './reactive.js';

export { hookTools } from './hook-tools/hook-tools.js';
export type { HookToolOptions } from './hook-tools/hook-tools.js';

export { JujuModel } from './memory/juju-model.js';
export type { Charm, DeployOptions, HookRun, JujuModelOptions } from './memory/juju-model.js';
export type { HookEvent } from './memory/hook-event.js';

export { EtcdError, HookToolError } from '../../wire/errors.js';
export type { EtcdErrorCode, EtcdErrorInit, Outcome } from '../../wire/errors.js';

export { readConnectionFile, writeConnectionFile } from './connection-file.js';
export type { ConnectionFileOptions } from './connection-file.js';
export type { ConnectionFile, ConnectionFileTls } from './connection-file-format.js';
export { readCredentialFiles, removeCredentialFiles, saveCredentialFiles } from './credential-files.js';
export type { SavedCredentials } from './credential-files.js';
export type { CredentialFileOptions, CredentialPaths } from './credential-paths.js';
export type { CheckedBundle, CredentialBundle, PartialBundle } from './pem.js';
