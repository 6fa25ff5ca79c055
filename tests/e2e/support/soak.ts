/** Whether there is time for every variation of a story, and not only for a sample: `OCTOLLM_SOAK=1`. */
export const soak = Boolean(process.env.OCTOLLM_SOAK);
