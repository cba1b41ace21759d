// Original file: proto/broker/v1/presets.proto


export interface ListPresetsRequest {
}

export interface ListPresetsRequest__Output {
}
