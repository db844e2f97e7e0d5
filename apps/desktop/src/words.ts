/** Main to its host: end, and cancel what runs. */
export const END = "atomiton:end";
/** The origin of Studio's page. */
export const STUDIO = "app://studio";
