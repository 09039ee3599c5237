export type Mode = 'read-write' | 'read-only' | 'read' | 'no-cache';

export interface InitGeneratorSchema {
  container?: string;
  accountName?: string;
  endpoint?: string;
  prefix?: string;
  localMode?: Mode;
  ciMode?: Mode;
}
