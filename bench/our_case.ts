/** An op case of ours on a device, ready to be timed. */
import {
  type Choice,
  type Choices,
  type Device,
  type Dtype,
  Graph,
  type Plan,
  type Timer,
  WeightStore,
  compile,
  createSession,
  evaluate,
  mulDims,
} from '../src/engine/index.ts';
import type { OpCase } from '../tests/support/case.ts';
import { declare, makeValues, sourceOf } from '../tests/support/run_case.ts';
import type { Work } from './bound.ts';
import { sampled } from './sample.ts';

export interface OurCase {
  readonly work: Work;
  readonly variant: string;
  /** What the op asked that has more than one answer. */
  readonly choices: readonly Choice[];
  /** Compilation of all its kernels, milliseconds. */
  readonly compile: number;
  /** Elements of the first run's result. */
  readonly sample: readonly number[];
  /** On the device, milliseconds a run, `runs` of them in a row. */
  time(runs: number): Promise<number>;
  /** One call until the result is here, milliseconds. */
  call(): Promise<number>;
  destroy(): void;
}

/** Loads the operands, compiles, and runs once. @throws what compiling and running throw. */
export async function prepareOurs(device: Device, timer: Timer, test: OpCase, choices?: Choices): Promise<OurCase> {
  const graph = new Graph(test.name);
  const tensors = Object.fromEntries(Object.entries(test.tensors).map(([name, s]) => [name, declare(graph, name, s)]));
  const [[output, result]] = Object.entries(test.build(tensors, graph));
  graph.output(output, result);
  const extents = test.extents ?? {};
  const weightDtype = (name: string): Dtype => test.tensors[name].dtype ?? 'f32';
  const options = { ...device.planLimits, weightDtype, quantise: test.quantise, choices };
  const plan = anew(compile(graph, options), [test.name, ...(choices?.values() ?? [])].join(' '));
  const values = Object.fromEntries(
    Object.entries(test.tensors).map(([name, spec]) => {
      const count = evaluate(mulDims(...spec.shape), extents);
      return [name, makeValues(name, spec, new Float32Array(count))];
    }),
  );
  const weights = new WeightStore(device);
  try {
    await weights.load(plan.weights, sourceOf(test, values));
    const watch = timer.watch();
    const session = await createSession(device, plan, { weights });
    const pipelines = watch();
    const stream = device.stream(test.name);
    for (const [name, { dtype, role }] of Object.entries(test.tensors))
      if (role !== 'weight' && plan.named.has(name))
        stream.write(session.buffer(name), dtype === 'u32' ? Uint32Array.from(values[name]) : values[name]);
    await stream.finish();
    const read = () => (result.dtype === 'u32' ? session.readU32(output) : session.read(output));
    const time = async (runs: number) =>
      (await timer.time(test.name, async (s) => {
        for (let i = 0; i < runs; i++) await session.encode(s, extents);
      })) / runs;
    // drivers that compile at the first dispatch are caught by it
    const first = await time(1);
    const sample = sampled(await read());
    const second = await time(1);
    return {
      work: workOf(plan, test),
      variant: variantOf(plan),
      choices: plan.choices,
      compile: pipelines + Math.max(0, first - second),
      sample,
      time,
      async call() {
        const watch = timer.watch();
        const one = device.stream(test.name);
        await session.encode(one, extents);
        one.submit();
        await read();
        const ms = watch();
        await one.finish();
        return ms;
      },
      destroy() {
        session.destroy();
        weights.destroy();
      },
    };
  } catch (error) {
    weights.destroy();
    throw error;
  }
}

/** The plan with kernels of a text that the device has not seen, so that they are compiled whatever ran before. */
const anew = (plan: Plan, mark: string): Plan => ({
  ...plan,
  dispatches: plan.dispatches.map((dispatch) => ({ ...dispatch, shader: `${dispatch.shader}\n// ${mark}` })),
});

function workOf(plan: Plan, test: OpCase): Work {
  const total = (of: 'flops' | 'bytes') =>
    plan.dispatches.reduce((sum, dispatch) => sum + evaluate(dispatch[of], test.extents ?? {}), 0);
  return { flops: test.flops ?? total('flops'), bytes: total('bytes'), dispatches: plan.dispatches.length };
}

/** `linear_subgroup: weight bf16 columns, x image [rows_16]` */
export function variantOf(plan: Plan): string {
  const forms = plan.dispatches.map(({ label, bind }) => {
    const operands = Object.entries(bind).flatMap(([name, operand]) => {
      if ('image' in operand) return [`${name} image`];
      // what a kernel has no operand for is bound to its weight
      if (operand === bind.weight && name !== 'weight') return [];
      if (!('weight' in operand) || operand.weight.shape.length < 2) return [];
      const { dtype, layout } = operand.weight;
      return [`${name} ${dtype}${layout === 'rows' ? '' : ` ${layout}`}`];
    });
    return operands.length > 0 ? `${label}: ${operands.join(', ')}` : label;
  });
  const counted = [...new Set(forms)].map((form) => {
    const n = forms.filter((other) => other === form).length;
    return n > 1 ? `${n}× ${form}` : form;
  });
  const chosen = [...new Set(plan.choices.map((choice) => choice.chosen))];
  return counted.join(' · ') + (chosen.length > 0 ? ` [${chosen.join(', ')}]` : '');
}
