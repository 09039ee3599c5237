export type Mode = 'read-write' | 'read-only' | 'read' | 'no-cache';

export interface InitGeneratorSchema {
  container?: string;
  accountName?: string;
  endpoint?: string;
  prefix?: string;
  credential?: string;
  cloud?: string;
  localMode?: Mode;
  ciMode?: Mode;
  maxArtifactSize?: string;
  include?: string[];
  exclude?: string[];
  ci?: 'github' | 'azure' | 'gitlab' | 'jenkins';
  az?: boolean;
}
