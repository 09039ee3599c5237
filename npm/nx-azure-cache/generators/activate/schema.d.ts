export interface ActivateGeneratorSchema {
  key?: string;
  commit?: boolean;
}
