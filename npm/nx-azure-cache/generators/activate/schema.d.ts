export interface ActivateGeneratorSchema {
  key?: string;
}
