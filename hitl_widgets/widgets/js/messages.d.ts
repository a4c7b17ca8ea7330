// Made of widgets/messages.py by `python tests/widgets/typescript.py`: edit that one.

/** What was on the screen when a decision was made. */
export interface Seen {
  suggestion?: string;
  probs?: Record<string, number>;
  hidden?: boolean;
  method?: string;
  target?: string;
  display?: "overlay" | "side_by_side" | "hot";
  model?: string;
  taxonomy?: number;
  certainty?: "given" | "carried";
  chosen_by?: string;
  shown_ms?: number;
  scripted?: boolean;
  against?: string;
  arm?: "shown" | "blind" | "no_map" | "answer_first" | "none";
  arm_probability?: number;
  planted?: boolean;
  repeat_of?: string;
  objects?: Record<string, unknown>[];
  values?: Record<string, number | number | string>;
  values_model?: string;
  withheld?: Record<string, unknown>[];
  threshold?: number;
  threshold_probability?: number;
}

/** An object that the annotator left in the item. One that was on the screen before keeps its id. */
export interface GivenObject {
  certainty?: number | null;
  unsure?: boolean;
  id: string;
  kind: "box" | "polygon" | "point" | "span";
  at: number[];
  label_id: string;
}

/** Pixels of an item at its own size (height, width), run-length encoded by rows; the first run is outside. */
export interface RegionEntry {
  size: [number, number];
  runs: number[];
}

/** A judgement of one object's explanation; `method` and `display` are those of the map on the screen. */
export interface ObjectReasonEntry {
  wrong?: RegionEntry | null;
  missing?: RegionEntry | null;
  method?: string;
  display?: "overlay" | "side_by_side" | "hot";
  reason: "right" | "wrong";
}

/** The greeting of a page that has opened. It is ignored if the same tab has sent a later greeting. `left`: the id that the page had before it was reloaded. `shows`: whether the widget is visible in the page. `takes`: whether the person wants to act in this page although another page is active. */
export interface Hello {
  kind: "hello";
  tab?: string;
  n?: number;
  have?: string[];
  left?: string;
  shows?: boolean;
  takes?: boolean;
}

/** The active page is still there. */
export interface Here {
  kind: "here";
}

/** A page that isn't active reports that it is open. It becomes active if the active page is gone. */
export interface Watch {
  kind: "watch";
}

/** A page is being closed or reloaded. */
export interface Leave {
  kind: "leave";
}

/** A decision on an item. `known`: ids of the annotator's earlier decisions on the item that the page has made or been sent. `label_id`: the id of a label or of a set of labels. `values`: the answers to attributes. `touched`: ids of the labels and attributes that the person changed or confirmed; None if this isn't recorded, as for a skip or in a project that asks only for one label. In a project that asks for objects, `objects` has all objects of the item, `size` is the width and height of the picture in which they were marked, `touched` has the ids of the objects that were in focus or changed, and `reasons` has the judgements of the explanations of single objects. */
export interface Decide {
  kind: "decide";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  item_id: string;
  verdict: "accept" | "correct" | "answer" | "unsure" | "skip";
  label_id: string | null;
  certainty: number | null;
  note: string | null;
  flags: string[];
  reason: "right" | "wrong" | null;
  wrong: RegionEntry | null;
  missing: RegionEntry | null;
  seen: Seen;
  known?: string[];
  values?: Record<string, number | string>;
  touched?: string[];
  objects?: GivenObject[];
  size?: [number, number];
  reasons?: Record<string, ObjectReasonEntry>;
}

/** The retraction of a decision. */
export interface Retract {
  kind: "retract";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  retracts: string;
  item_id: string | null;
}

/** A request for more items, sent when the page has too few that wait to be shown. `have`: those it has. */
export interface More {
  kind: "more";
  have?: string[];
}

/** The name that the annotator gives. */
export interface Name {
  kind: "name";
  annotator: string;
}

/** A request for an item that isn't in the queue. */
export interface Fetch {
  kind: "fetch";
  item_id: string;
}

/** A request for a saliency map of another label than the suggestion. */
export interface WantMap {
  kind: "map";
  item_id: string;
  method: string;
  target: string;
  against?: string;
}

/** A request for the parts of an item, for marking them. */
export interface WantSegments {
  kind: "segments";
  item_id: string;
}

/** A request for pictures of the examples of labels. */
export interface WantExamples {
  kind: "examples";
  label_ids: string[];
}

/** A request for the whole project as one file. */
export interface WantArchive {
  kind: "archive";
}

/** A question about an item, a label, or both. */
export interface Ask {
  kind: "ask";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  text: string;
  item_id?: string;
  label_id?: string;
}

/** An answer to the question that began `thread`. */
export interface Respond {
  kind: "respond";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  thread: string;
  text: string;
  item_id?: string;
}

/** A question is settled: its item or a sentence becomes part of a label's definition, or neither does. */
export interface Settle {
  kind: "settle";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  thread: string;
  how: "example" | "counter_example" | "sentence" | "none";
  label_id?: string;
  text?: string;
  item_id?: string;
}

/** The annotator's yes or no to a question about consent, `to`. A no also takes back an earlier yes. `policy` is the one that the question was about: a yes to an earlier policy isn't a yes to today's. */
export interface Consent {
  kind: "consent";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  to: string;
  yes: boolean;
  policy?: string;
  item_id?: string;
}

/** The annotator has read a notice. */
export interface Dismiss {
  kind: "dismiss";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  notice: string;
  item_id?: string;
}

/** The end of the sitting, and a request for the notices that follow it. */
export interface Stop {
  kind: "stop";
}

/** The verdict on an item with competing answers, and why they differed. */
export interface Adjudicate {
  kind: "adjudicate";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  item_id: string;
  label_id: string | null;
  cause: "ambiguous" | "guideline_gap" | "slip" | "edge_case" | "disagreement";
  note?: string;
}

/** A request to preview the effect of edits, of reverting an edit, or of settling a conflicting edit. `ask`: number of the request. `settle`: id of an edit that conflicted with others when copies of the project were joined. */
export interface WantPreview {
  kind: "preview";
  ask: number;
  edits?: object[];
  edit_id?: string;
  settle?: string;
}

/** Edits of the taxonomy, which refer to the labels of version `base`. */
export interface Apply {
  kind: "apply";
  decision_id: string;
  after?: string;
  edits: object[];
  why?: string;
  base?: number;
}

/** An edit is reverted. This makes a new edit. */
export interface Revert {
  kind: "revert";
  decision_id: string;
  after?: string;
  edit_id: string;
  why?: string;
}

/** An edit that conflicted with others when copies of the project were joined is applied now, or dropped. */
export interface SettleEdit {
  kind: "settle_edit";
  decision_id: string;
  after?: string;
  edit_id: string;
  apply: boolean;
  why?: string;
}

/** Items get a label. `taxonomy` is the version that the label was chosen from. */
export interface Assign {
  kind: "assign";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  item_ids: string[];
  label_id: string;
  taxonomy?: number;
}

/** A new label is added to the taxonomy, and items get it. */
export interface Make {
  kind: "make";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  item_ids: string[];
  name: string;
  under?: string;
  definition?: string;
}

/** Items keep their answers, since they need no place in the taxonomy. They leave the triage. */
export interface LeaveOut {
  kind: "leave_out";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  item_ids: string[];
}

/** Items go back to the queue. */
export interface SendBack {
  kind: "send_back";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  item_ids: string[];
}

/** An act of triage is taken back. */
export interface Undo {
  kind: "undo";
  decision_id: string;
  after?: string;
  annotator?: string;
  acted_at: string;
  retracts: string;
}

/** A request to group the items by similarity again. */
export interface Regroup {
  kind: "regroup";
}

/** A request for pictures of items, small or large. */
export interface WantPictures {
  kind: "pictures";
  item_ids: string[];
  large?: boolean;
}

/** A label that may be chosen. `own_key`: the taxonomy itself names its key. `group`: the path of its parent. `letter`: of a label without a key, its place among those that get the card's free letters, from 0. */
export interface LabelEntry {
  definition?: string;
  link?: string;
  colour?: string;
  sensitive?: string;
  n_examples?: number;
  group?: string;
  letter?: number;
  label_id: string;
  name: string;
  path: string;
  key: string | null;
  own_key: boolean;
}

/** An attribute that is asked of an item: a value on a scale from `low` to `high`, or one of some `choices`. `step`: the smallest change by an arrow key. `labels`: the label_ids for which it is asked; all labels if missing. `sensitive`: the purpose for which it is asked. */
export interface AttributeEntry {
  low?: number;
  high?: number;
  step?: number;
  choices?: string[];
  labels?: string[];
  definition?: string;
  sensitive?: string;
  attribute_id: string;
  name: string;
  kind: "ordinal" | "continuous" | "choices";
}

/** The labels to choose from, and what is asked beside them, at a version of the taxonomy. */
export interface Labels {
  attributes?: AttributeEntry[];
  version: number;
  labels: LabelEntry[];
}

/** A label under which a new one may be put. */
export interface Place {
  label_id: string;
  name: string;
  path: string;
}

/** The labels for triage. `other` is the one that means "something else". */
export interface TriageLabels {
  attributes?: AttributeEntry[];
  version: number;
  labels: LabelEntry[];
  other: string | null;
  places: Place[];
}

/** A label of the tree. */
export interface TreeLabel {
  definition?: string;
  link?: string;
  colour?: string;
  sensitive?: string;
  parent?: string;
  key?: string;
  own_key?: boolean;
  examples?: string[];
  counter_examples?: string[];
  label_id: string;
  name: string;
}

/** The whole taxonomy, depth first. `inner_answers`: whether labels that have children may be answers. An attribute's `labels` are only those that were named for it, without their descendants. */
export interface TreeLabels {
  attributes?: AttributeEntry[];
  version: number;
  inner_answers: boolean;
  labels: TreeLabel[];
}

/** How many items the annotator has answered, and how many are left. `answered`: items answered in all. `today`, `in_round`, `here`: items answered today, since the last fine-tuning, and in this review. `open`: items that the annotator may still be asked. `items`: items in the pool. `holdout`: hold-out items with an answer that is used for measuring. `round`: number of the round, from 1. `taxonomy`: version of the taxonomy. `asked`: length of this review's queue; missing if the review has the usual queue. */
export interface Progress {
  answered?: number;
  today?: number;
  in_round?: number;
  here?: number;
  asked?: number;
  open?: number;
  items?: number;
  round?: number;
  taxonomy?: number;
  holdout?: number;
}

/** The value of an attribute as a model suggests it, and its interval where it has one. */
export interface SuggestedValue {
  value: number | string;
  low: number | null;
  high: number | null;
}

/** The place and label of the proposal from which an object was made. */
export interface WasObject {
  at: number[];
  label_id: string;
}

/** An object of an item, as proposed by a model, or as in the annotator's earlier answer (with `origin` and `act`). `was`: the proposal, if the object differs from it. `doubt`: whether its label is uncertain since an edit of the taxonomy, or the object may be wrong (in a second look). `reason`: the annotator's judgement of its explanation. */
export interface ObjectEntry {
  score?: number;
  origin?: "model" | "person";
  act?: "accepted" | "moved" | "relabelled" | "added" | "deleted";
  iou?: number;
  was?: WasObject;
  certainty?: number;
  unsure?: boolean;
  doubt?: boolean;
  reason?: ObjectReasonEntry;
  id: string;
  kind: "box" | "polygon" | "point" | "span";
  at: number[];
  label_id: string;
}

/** The beginning of a text that comes before the item in its group. */
export interface EarlierText {
  item_id: string;
  text: string;
}

/** An item of the queue; its picture, or its text in UTF-8, is the buffer. `probs`: label_id and probability, the likeliest first. `broken` says why there is no picture, `problem` why there is no prediction. `candidates`: the label_ids that an earlier answer may mean now, or between which the model can't decide. `standing`: the id of the annotator's decision that stands for it. `exposure`: fields of `Seen` that are copied unchanged into the `seen` of its decisions. `no_map`: no saliency map is shown. `answer_first`: suggestion and map are hidden until the person has answered; then they are shown, and the person keeps or changes the answer. Where an item may have several labels, `probs` has an independent probability for each label, `suggestion` is the id of a set, and `target` is the label whose saliency map is sent without a request. `values`: a model's suggestions for attributes, by attribute_id. `objects`: the proposals with a score of at least `threshold`, which aren't shown if the item is blind; for an item that was answered before, the objects of the annotator's decision. `before`: the texts before this text in its group. */
export interface ItemEntry {
  before?: EarlierText[];
  objects?: ObjectEntry[];
  threshold?: number;
  target?: string;
  values?: Record<string, SuggestedValue>;
  values_model?: string;
  exposure?: Record<string, unknown>;
  no_map?: boolean;
  answer_first?: boolean;
  mime?: string;
  broken?: string;
  problem?: string;
  candidates?: string[];
  suggestion?: string;
  model?: string;
  standing?: string;
  item_id: string;
  chosen_by: string;
  blind: boolean;
  meta: Record<string, unknown>;
  height: number;
  width: number;
  probs: [string, number][];
}

/** A map on the screen: its method and target, how it was shown, and what the target was compared with. `models`: those whose suggestions were shown with it, including its own model. */
export interface ShownMap {
  method: string;
  target: string;
  display: "overlay" | "side_by_side" | "hot" | null;
  against: string | null;
  models: string[];
}

/** A current decision of the annotator. `counts`: number of objects for each label. `objects` is missing in older decisions. `map`: the map that the reason is about, if there is a reason. */
export interface PastDecision {
  map?: ShownMap;
  objects?: ObjectEntry[];
  counts?: Record<string, number>;
  values?: Record<string, number | string>;
  touched?: string[];
  decision_id: string;
  item_id: string;
  verdict: "accept" | "correct" | "answer" | "unsure" | "skip";
  label_id: string | null;
  label: string | null;
  certainty: number | null;
  certainty_source: "given" | "carried" | null;
  flags: string[];
  note: string | null;
  reason: "right" | "wrong" | null;
  wrong: RegionEntry | null;
  missing: RegionEntry | null;
  suggestion: string | null;
  hidden: boolean;
  chosen_by: string | null;
}

/** An example of a label, or one `against` it. `answered`: whether it is just an item with this answer, not one that somebody chose as an example. `case`: what makes it hard to see, such as "occluded". */
export interface ExampleEntry {
  answered?: boolean;
  case?: string;
  name: string;
  against: boolean;
  problem: string | null;
}

/** An edit of the taxonomy in the log. `reverts` and `reverted_by` are versions. `to_settle`: whether it conflicted with others when copies of the project were joined, and isn't settled yet. */
export interface EditEntry {
  edit_id: string;
  version: number;
  prose: string;
  annotator: string;
  at: string;
  why: string | null;
  reverts: number | null;
  reverted_by: number | null;
  to_settle: boolean;
}

/** What an edit would do: number of answers that stay valid, of items to review again, and of these by label. */
export interface EditPreview {
  version: number;
  prose: string;
  carried: number;
  again: number;
  minutes: number;
  measured: boolean;
  labels: [string, number][];
  settled: string;
  model: string;
}

/** An item without a place in the taxonomy: why, and whose answer says so. */
export interface UnplacedItem {
  item_id: string;
  why: "other" | "unsure" | "flagged";
  annotator: string;
  note: string | null;
}

/** An act of triage that can be undone. */
export interface PastSorting {
  act_id: string;
  act: "assigned" | "left_out" | "sent_back";
  n: number;
  label: string | null;
}

/** An entry of a thread; `act` says whether it asks, answers, settles or reopens the question. */
export interface Post {
  act: "ask" | "answer" | "settle" | "reopen";
  annotator: string;
  at: string;
  text: string;
}

/** A question about an item, a label or both, with its answers. `how`: how the question was settled. */
export interface ThreadEntry {
  thread: string;
  item_id: string | null;
  label_id: string | null;
  settled: boolean;
  how: string | null;
  posts: Post[];
}

/** What the annotator is asked to agree to, the question's text, and the id of the owner's policy. */
export interface ConsentQuestion {
  policy?: string;
  to: string;
  text: string;
}

/** Something that the annotator is told: an alarm about gold, or a debriefing with a line for each item. */
export interface NoticeEntry {
  notice: string;
  kind: "alarm" | "debrief" | "word";
  text: string;
  lines: string[];
}

/** Information on the project for all of its people: its purpose, and who sees whose figures. `takes_part`: what the annotator has agreed to and may stop. `asked`: which items are assigned to the annotator, if any, and how many of them are done. */
export interface About {
  asked?: string;
  purpose: string | null;
  owner: string | null;
  names: boolean;
  takes_part: string[];
}

/** What the model learns in the background, in words. `learnt`: number of answers on which the adopted model was trained in the background; None if there is no adopted model, or if it wasn't trained in the background. `text` is the state in words, `next` says what comes next, `why` gives more detail. */
export interface LearningEntry {
  name: "waiting" | "learning" | "frozen" | "failed";
  learnt: number | null;
  text: string;
  next: string;
  why: string;
}

/** Somebody's answer, under a letter in place of their name. */
export interface CompetingAnswer {
  letter: string;
  label_id: string | null;
  label: string | null;
  certainty: number | null;
  note: string | null;
  reason: "right" | "wrong" | null;
  flags: string[];
}

/** An item to be adjudicated; its picture is the buffer. */
export interface CaseEntry {
  mime?: string;
  broken?: string;
  item_id: string;
  meta: Record<string, unknown>;
  height: number;
  width: number;
  answers: CompetingAnswer[];
}

/** Progress of the adjudication: verdicts, the residual error of the labels with its interval, and what is left. `left`: expected number of reviews until `goal` is met, None if that can't be estimated. `done`: why it may stop. */
export interface AdjudicationProgress {
  judged: number;
  error: number | null;
  low: number | null;
  high: number | null;
  goal: number | null;
  left: number | null;
  done: string | null;
}

/** A verdict that can be undone. */
export interface PastVerdict {
  decision_id: string;
  item_id: string;
  label: string | null;
  cause: "ambiguous" | "guideline_gap" | "slip" | "edge_case" | "disagreement";
}

/** The reply to `Hello` on the card. `reading`: why nothing can be answered here, if the annotator's role doesn't allow it. */
export interface CardReady {
  active?: string | null;
  kind: "ready";
  project_id: string;
  annotator: string;
  annotator_is_default: boolean;
  task: "classify" | "multilabel" | "scale" | "boxes" | "polygons" | "points" | "spans";
  taxonomy: Labels;
  certainty: "keep" | "ask" | "unsure_only";
  methods: string[];
  keys: Record<string, [string[], string]>;
  n: number | null;
  queue: string | null;
  temporary: boolean;
  progress: Progress;
  people: boolean;
  about: About | null;
  consent: ConsentQuestion | null;
  reading: string | null;
}

/** The reply to `Hello` in the editor. */
export interface EditorReady {
  active?: string | null;
  kind: "ready";
  project_id: string;
  annotator: string;
  keys: Record<string, [string[], string]>;
}

/** The reply to `Hello` in triage. */
export interface TriageReady {
  active?: string | null;
  kind: "ready";
  project_id: string;
  annotator: string;
  keys: Record<string, [string[], string]>;
  taxonomy: TriageLabels;
}

/** The reply to `Hello` in the adjudication. */
export interface AdjudicationReady {
  active?: string | null;
  kind: "ready";
  project_id: string;
  annotator: string;
  keys: Record<string, [string[], string]>;
  taxonomy: Labels;
  causes: (["ambiguous" | "guideline_gap" | "slip" | "edge_case" | "disagreement", string])[];
}

/** The log has it. `aside`: why it counts nowhere, if the annotator's role didn't allow it. */
export interface Stored {
  aside?: string;
  kind: "stored";
  decision_id: string;
}

/** The log has the edit. */
export interface EditStored {
  aside?: string;
  kind: "stored";
  decision_id: string;
  edit_id: string;
  version: number;
  prose: string;
}

/** The log has the act of triage, with the label that it gave. */
export interface SortingStored {
  aside?: string;
  kind: "stored";
  decision_id: string;
  label: string | null;
  label_id: string | null;
}

/** It was not stored. `again`: send it again, it may be stored then. `decided`: the item was decided elsewhere. */
export interface Rejected {
  decision_id?: string;
  item_id?: string;
  again?: boolean;
  decided?: boolean;
  kind: "rejected";
  reason: string;
}

/** It was understood; what was asked for follows as a push. `page`: the only page that this answers. */
export interface Noted {
  page?: string;
  kind: "noted";
}

/** What follows is late, and why; None when that is over. */
export interface Problem {
  kind: "problem";
  reason: string | null;
}

/** The widget takes no further acts. */
export interface Closed {
  kind: "closed";
  reason: string;
}

/** The page that acts; the others watch. `asks`: it is to say whether it is still there. */
export interface PushActive {
  kind: "active";
  page: string | null;
  asks: boolean;
}

/** The examples of a label, a buffer each. */
export interface Examples {
  kind: "examples";
  label_id: string;
  examples: ExampleEntry[];
}

/** What somebody else did in the project, in a sentence. */
export interface News {
  kind: "news";
  text: string;
}

/** The questions of the project and what was said to them, the latest at the end. */
export interface PushThreads {
  kind: "threads";
  threads: ThreadEntry[];
}

/** A change of what the owner set, what the annotator is asked to agree to, or what their role allows. `reading` is as in `CardReady`; `aside` says how many of the annotator's answers are kept aside, and to an owner whose others are. */
export interface PushAbout {
  kind: "about";
  about: About | null;
  consent: ConsentQuestion | null;
  reading: string | null;
  aside: string | null;
}

/** What the annotator is to be told and hasn't dismissed. */
export interface PushNotices {
  kind: "notices";
  notices: NoticeEntry[];
}

/** An item to be adjudicated, behind those that wait. */
export interface PushCase {
  kind: "case";
  case: CaseEntry;
}

/** Where the adjudication stands, and the verdicts that can be undone, the newest at the end. */
export interface PushAdjudication {
  kind: "adjudication";
  progress: AdjudicationProgress;
  past: PastVerdict[];
}

/** An item of the queue. With `again`, an earlier one that the page asked for, outside the queue. */
export interface PushItem {
  kind: "item";
  item: ItemEntry;
  again: boolean;
}

/** A saliency map, a byte a cell in the buffer (128 is zero when signed), on `box` of the item. `model`: the model that it explains; it isn't shown beside another model's suggestion. For a text there is a byte for each token; `tokens` are where they begin and end in characters, one after the other. `by`: the method, if it isn't the one that was asked for. `delta`: the part of the model's output that the map leaves unexplained, if known. */
export interface PushMap {
  problem?: string;
  model?: string;
  by?: string;
  tokens?: number[];
  delta?: number;
  kind: "map";
  item_id: string;
  method: string;
  target: string;
  against: string | null;
  height: number;
  width: number;
  box: [number, number, number, number];
  signed: boolean;
}

/** The number of its part for each cell of an item: uint16 in the buffer. */
export interface Segments {
  problem?: string;
  kind: "segments";
  item_id: string;
  height: number;
  width: number;
}

/** Items leave the queue, except the first `keep` of them. `decision_id`: the decision that closed them. */
export interface Drop {
  decision_id?: string;
  kind: "drop";
  item_ids: string[];
  keep: number;
}

/** The last decisions that stand, the newest at the end. */
export interface PushPast {
  kind: "past";
  past: PastDecision[];
}

/** A small picture of a past item, in the buffer. */
export interface Thumbnail {
  kind: "thumbnail";
  item_id: string;
}

/** The project as a file, in the buffer. */
export interface Archive {
  problem?: string;
  kind: "archive";
  name: string;
}

/** Where the annotator stands. */
export interface PushProgress {
  kind: "progress";
  progress: Progress;
}

/** The taxonomy has changed. */
export interface PushLabels {
  kind: "taxonomy";
  taxonomy: Labels;
}

/** No item is left: none at all, or as many are answered as were asked for. */
export interface End {
  kind: "end";
  reason: "empty" | "enough";
}

/** What the model learns in the background has changed; None if it learns nothing there. */
export interface PushLearning {
  kind: "learning";
  learning: LearningEntry | null;
}

/** The taxonomy and its edits, the latest first; `may_settle`: whether the person's role lets them settle edits. */
export interface PushTree {
  kind: "taxonomy";
  taxonomy: TreeLabels;
  history: EditEntry[];
  may_settle: boolean;
}

/** Answers that stand, and those in doubt: of each label with all under it, and of all. */
export interface Counts {
  kind: "counts";
  counts: Record<string, [number, number]>;
  count: [number, number];
}

/** The answer to `WantPreview` number `ask`. */
export interface PushPreview {
  preview?: EditPreview;
  problem?: string;
  kind: "preview";
  ask: number;
}

/** The items without a place, similar ones on the same page; for texts the words that distinguish each page. */
export interface Pages {
  kind: "pages";
  pages: UnplacedItem[][];
  words: string[][];
}

/** The items that have no place now, and those of them that are on no page yet. */
export interface Unplaced {
  kind: "unplaced";
  item_ids: string[];
  more: UnplacedItem[];
}

/** What the annotator did in triage before, the latest at the end. */
export interface PastActs {
  kind: "acts";
  acts: PastSorting[];
}

/** Pictures of items, a buffer each; a problem where there is none. */
export interface Pictures {
  kind: "pictures";
  item_ids: string[];
  problems: (string | null)[];
  large: boolean;
}

/** The taxonomy has changed. */
export interface PushTriageLabels {
  kind: "taxonomy";
  taxonomy: TriageLabels;
}

export type PageAct = Here | Watch | Leave;

export type CardAct = Hello | Decide | Retract | More | Name | Fetch | WantMap | WantSegments | WantExamples | WantArchive | Ask | Respond | Settle | Consent | Dismiss | Stop;

export type CardReply = CardReady | Stored | Rejected | Noted;

export type CardPush = PushItem | PushMap | Segments | Drop | PushPast | Thumbnail | Examples | Archive | PushProgress | PushLabels | End | News | PushThreads | PushAbout | PushNotices | PushLearning | Problem | PushActive | Closed;

export type EditorAct = Hello | WantPreview | WantExamples | Apply | Revert | SettleEdit;

export type EditorReply = EditorReady | EditStored | Rejected | Noted;

export type EditorPush = PushTree | Counts | PushPreview | Examples | Problem | PushActive | Closed;

export type TriageAct = Hello | Assign | Make | LeaveOut | SendBack | Undo | Regroup | WantPictures;

export type TriageReply = TriageReady | SortingStored | Rejected | Noted;

export type TriagePush = Pages | Unplaced | PastActs | Pictures | PushTriageLabels | Problem | PushActive | Closed;

export type AdjudicationAct = Hello | Adjudicate | Undo | More;

export type AdjudicationReply = AdjudicationReady | Stored | Rejected | Noted;

export type AdjudicationPush = PushCase | PushAdjudication | End | Problem | PushActive | Closed;

export type KeyTable = Record<string, [string[], string]>;

export type Certainty = "keep" | "ask" | "unsure_only";
