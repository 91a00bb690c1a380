/** `vigil relation`: the commands for charms that are shell scripts. They run within a hook. */
import type { Command } from 'commander';
import type { CommandContext } from './session.js';
import { addRelationProvide } from './relation/provide.js';
import { addRelationSave } from './relation/save.js';
import { addRelationShow } from './relation/show.js';

export function addRelation(program: Command, context: CommandContext): void {
  const relation = program.command('relation').description("etcd's relations of a Juju charm; within a hook");
  addRelationShow(relation, context);
  addRelationSave(relation, context);
  addRelationProvide(relation, context);
}
