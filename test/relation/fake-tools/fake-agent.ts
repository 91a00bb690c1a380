// The unit's agent for tests: puts a program under each hook tool's name onto PATH, and answers it from the hook that runs in a
// model in memory. So the same model drives a charm in this process, a charm over the tools, and a charm that is a program.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hookTools, type Charm, type HookToolOptions, type JujuBackend } from '../../../src/main/relation/index.js';
import { runCommand, TOOL_NAMES, type ToolAnswer } from './tool-commands.js';

/** One call of a tool, as it came. */
export interface RecordedCall {
  readonly tool: string;
  readonly args: readonly string[];
  readonly stdin: string;
}

/** Answers a call instead of the model; `'hang'` never does. */
export type Intercept = (call: RecordedCall) => ToolAnswer | 'hang' | undefined;

/** What a charm that is a program printed. */
export interface ProgramOutput {
  readonly stdout: string;
  readonly stderr: string;
}

// Both do the same; what starts faster is taken where it is there.
const toolProgram = fileURLToPath(new URL(existsSync('/usr/bin/perl') ? './tool.pl' : './tool.js', import.meta.url));

export class FakeAgent {
  /** Every call, in order. */
  readonly calls: RecordedCall[] = [];
  /** What programs printed, in order. */
  readonly outputs: ProgramOutput[] = [];
  intercept: Intercept | undefined;
  readonly #folder: string;
  readonly #server: Server;
  readonly #hooks = new Map<string, JujuBackend>();
  #count = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      let request = '';
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => (request += chunk));
      socket.on('error', () => socket.destroy());
      socket.on('end', () => {
        void this.#answer(request).then((answer) => {
          if (answer === 'hang') return;
          const { exit, stdout, stderr } = answer;
          // In this order, which tool.pl reads.
          socket.end(JSON.stringify({ exit, stdout, stderr }));
        });
      });
    });
  }

  /** @param tools which of the tools there are; default: all. */
  static async start(tools: readonly string[] = TOOL_NAMES): Promise<FakeAgent> {
    const agent = new FakeAgent(await mkdtemp(join(tmpdir(), 'fake-agent-')));
    await mkdir(agent.toolFolder);
    for (const tool of tools) await symlink(toolProgram, join(agent.toolFolder, tool));
    await new Promise<void>((resolve) => agent.#server.listen(agent.#socket, resolve));
    return agent;
  }

  /** The folder of the tools, first on the hooks' PATH. */
  get toolFolder(): string {
    return join(this.#folder, 'tools');
  }

  async close(): Promise<void> {
    this.#server.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A charm that reaches the model through the tools. */
  overTools(charm: Charm, options: Omit<HookToolOptions, 'env'> = {}): Charm {
    return (backend) => this.#during(backend, (env) => charm(hookTools({ ...options, env })));
  }

  /**
   * A charm that is a program, such as a charm's `dispatch`: run without arguments in `charmDir`, with a hook's environment; fails unless
   * it exits with 0.
   */
  overProgram(program: string, charmDir: string, env: NodeJS.ProcessEnv = {}): Charm {
    return (backend) =>
      this.#during(
        backend,
        (hookEnv) =>
          new Promise((resolve, reject) => {
            const whole = { ...hookEnv, JUJU_CHARM_DIR: charmDir, CHARM_DIR: charmDir, ...env };
            const child = spawn(program, [], { cwd: charmDir, env: whole, stdio: ['ignore', 'pipe', 'pipe'] });
            let [stdout, stderr] = ['', ''];
            child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
            child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
            child.on('error', reject);
            child.on('exit', (code, signal) => {
              this.outputs.push({ stdout, stderr });
              if (code === 0) resolve();
              else
                reject(
                  new Error(`${backend.context.hook}: ${program} ended with ${String(code ?? signal)}: ${stderr}`),
                );
            });
          }),
      );
  }

  async #during(backend: JujuBackend, run: (env: NodeJS.ProcessEnv) => Promise<void>): Promise<void> {
    this.#count += 1;
    const contextId = `${backend.context.unit}-${backend.context.hook}-${String(this.#count)}`;
    this.#hooks.set(contextId, backend);
    try {
      await run(this.#environment(backend, contextId));
    } finally {
      this.#hooks.delete(contextId);
    }
  }

  get #socket(): string {
    return join(this.#folder, 'agent.socket');
  }

  /** What Juju exports. HOME is not among it; what does not apply is there and empty. */
  #environment({ context }: JujuBackend, contextId: string): NodeJS.ProcessEnv {
    const { relation, secret } = context;
    return {
      PATH: [this.toolFolder, process.env['PATH']].join(delimiter),
      LANG: 'C.UTF-8',
      TMPDIR: process.env['TMPDIR'],
      JUJU_CONTEXT_ID: contextId,
      JUJU_AGENT_SOCKET_ADDRESS: this.#socket,
      JUJU_AGENT_SOCKET_NETWORK: 'unix',
      JUJU_HOOK_NAME: context.hook,
      JUJU_DISPATCH_PATH: `hooks/${context.hook}`,
      JUJU_UNIT_NAME: context.unit,
      JUJU_MODEL_UUID: context.modelUuid,
      JUJU_MODEL_NAME: 'test',
      JUJU_VERSION: context.jujuVersion,
      JUJU_CHARM_DIR: context.charmDir ?? '',
      CHARM_DIR: context.charmDir ?? '',
      JUJU_RELATION: relation?.endpoint ?? '',
      JUJU_RELATION_ID: relation?.relationId ?? '',
      JUJU_REMOTE_UNIT: relation?.remoteUnit ?? '',
      JUJU_REMOTE_APP: relation?.remoteApp ?? '',
      ...(relation?.departingUnit === undefined ? {} : { JUJU_DEPARTING_UNIT: relation.departingUnit }),
      ...(secret === undefined
        ? {}
        : {
            JUJU_SECRET_ID: secret.id,
            JUJU_SECRET_LABEL: secret.label ?? '',
            JUJU_SECRET_REVISION: secret.revision === undefined ? '' : String(secret.revision),
          }),
    };
  }

  async #answer(request: string): Promise<ToolAnswer | 'hang'> {
    // What tool.js and tool.pl send.
    const call = JSON.parse(request) as RecordedCall & { contextId: string };
    const { contextId, ...recorded } = call;
    this.calls.push(recorded);
    const intercepted = this.intercept?.(recorded);
    if (intercepted !== undefined) return intercepted;
    const backend = this.#hooks.get(contextId);
    if (backend === undefined) return { exit: 1, stdout: '', stderr: `ERROR context "${contextId}" not found\n` };
    return runCommand(call.tool, call.args, call.stdin, backend);
  }
}
