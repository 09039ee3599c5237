export interface UpdateGeneratorSchema {
  to?: string;
}
