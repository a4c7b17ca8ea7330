// @ts-check
// Sets of labels: the answer of an item that may have several labels has an id of its own, made of theirs.

const MARK = "+";
export const NONE_OF_THEM = "none of them";

/** @param {Iterable<string>} label_ids @returns {string} such as "+La+Lb"; "+" is none of them */
export const setId = (label_ids) => MARK + [...new Set(label_ids)].sort().join(MARK);

/** @param {string | null | undefined} label_id */
export const isSet = (label_id) => Boolean(label_id?.startsWith(MARK));

/** The labels in a set; of a single label its own. @param {string | null | undefined} label_id @returns {string[]} */
export const membersOf = (label_id) => (!label_id ? [] : isSet(label_id) ? label_id.slice(1).split(MARK).filter(Boolean) : [label_id]);
