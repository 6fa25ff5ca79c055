/** How many stories of one suite run at the same time. */
const atOnce = 3;

interface Story {
  readonly run: () => Promise<void>;
  readonly end: (outcome: Promise<void>) => void;
}

/**
 * For suites whose stories have nothing in common and mostly wait: the stories of a suite run a few at a time, and each
 * test waits for its own. To be called in a `describe`; the first test of the suite starts them all.
 *
 * @returns `it`, for these stories
 */
export function together(): (name: string, run: () => Promise<void>) => void {
  const waiting: Story[] = [];
  const work = async () => {
    for (let story = waiting.shift(); story; story = waiting.shift()) {
      const outcome = story.run();
      story.end(outcome);
      await outcome.catch(() => undefined);
    }
  };
  before(() => {
    for (let worker = 0; worker < atOnce; worker++) void work();
  });
  return (name, run) => {
    const outcome = new Promise<void>((resolve, reject) => {
      waiting.push({ run, end: (ended) => void ended.then(resolve, reject) });
    });
    // A story that fails before its test waits for it is no unhandled rejection.
    outcome.catch(() => undefined);
    it(name, () => outcome).timeout(300_000);
  };
}
