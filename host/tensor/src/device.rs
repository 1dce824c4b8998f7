//! Expressions as Candle operations, for devices that our own kernel is not for.
//!
//! It is the same program, run over whole tensors instead of blocks: a register is a tensor on the device. Results come
//! back to the CPU, where everything else is.

use candle_core::{Result, Tensor};

use crate::block::Block;
use crate::buffer::Buffer;
use crate::expression::Expression;
use crate::operation::{Binary, Unary};
use crate::program::{Program, Step};
use crate::{DType, Parameters, TensorError, TensorType, work};

/// Where expressions are computed, if not by our own kernel.
#[derive(Clone, Debug)]
pub struct Device(candle_core::Device);

impl Device {
    /// Candle's own operations on the CPU: slower than the kernel, and what it is tested against.
    #[must_use]
    pub fn candle_cpu() -> Self {
        Self(candle_core::Device::Cpu)
    }

    /// A GPU, by its number. Experimental.
    ///
    /// # Errors
    /// [`TensorError::Device`] if there is none of this number, or it cannot be used.
    #[cfg(feature = "cuda")]
    pub fn cuda(number: usize) -> std::result::Result<Self, TensorError> {
        Ok(Self(candle_core::Device::new_cuda(number).map_err(fault)?))
    }
}

impl Parameters {
    /// Several models evaluated as by [`Parameters::evaluate_all`], but on a device, which must have memory for all
    /// values of a tensor that an expression needs at one time, in float64. Results are the kernel's but for the last
    /// digit of powers, which devices round as they like.
    ///
    /// # Errors
    /// [`TensorError::Device`] with what Candle says.
    pub fn evaluate_all_on(models: &[&Self], device: &Device) -> std::result::Result<Vec<Self>, TensorError> {
        let mut results: Vec<Vec<Expression>> = models.iter().map(|model| model.expressions().to_vec()).collect();
        for group in work::grouped(models, |_, _, values| values.operations() > 0) {
            let program = group.program();
            let emit = |root: usize, values: &Tensor| {
                let root = &group.roots[root];
                let tensor = &models[root.model].layout().tensors()[root.tensor];
                let block = kept(values, root.values.to_keep_in(tensor.dtype), tensor)?;
                results[root.model][root.tensor] = Expression::kept(block);
                Ok(())
            };
            run(&program, group.elements, &device.0, emit)?;
        }
        let together = models.iter().zip(results);
        Ok(together.map(|(model, values)| Self::new(model.layout().clone(), values)).collect())
    }
}

/// Runs a program over all elements at once, and hands the values of each root to `emit`.
fn run(
    program: &Program<'_>,
    elements: usize,
    device: &candle_core::Device,
    mut emit: impl FnMut(usize, &Tensor) -> std::result::Result<(), TensorError>,
) -> std::result::Result<(), TensorError> {
    let mut registers: Vec<Tensor> = Vec::new();
    let nothing = Tensor::zeros(0, candle_core::DType::F64, device).map_err(fault)?;
    registers.resize(program.register_count(), nothing);
    for step in program.steps() {
        let computed = match *step {
            Step::Load { block, to } => (to, load(block, elements, device)),
            Step::Fill { value, to } => (to, Tensor::full(value, elements, device)),
            Step::Copy { from, to } => (to, Ok(registers[from].clone())),
            Step::Unary { operation, on } => (on, unary(operation, &registers[on])),
            Step::Binary { operation, left, right } => (left, binary(operation, &registers[left], &registers[right])),
            Step::Reversed { operation, left, right } => {
                (right, binary(operation, &registers[left], &registers[right]))
            }
            Step::Emit { root, from } => {
                emit(root, &registers[from])?;
                continue;
            }
        };
        let (register, values) = computed;
        registers[register] = values.map_err(fault)?;
    }
    Ok(())
}

fn load(block: &Block, elements: usize, device: &candle_core::Device) -> Result<Tensor> {
    if block.kept_in().widened() == DType::F32 {
        // Half as much to move.
        let mut values = vec![0.0_f32; elements];
        block.read_narrow(0, &mut values);
        return Tensor::from_vec(values, elements, device)?.to_dtype(candle_core::DType::F64);
    }
    let mut values = vec![0.0_f64; elements];
    block.read(0, &mut values);
    Tensor::from_vec(values, elements, device)
}

fn unary(operation: Unary, of: &Tensor) -> Result<Tensor> {
    match operation {
        Unary::Scaled(factor) => of.affine(factor, 0.0),
        Unary::Shifted(offset) => of.affine(1.0, offset),
        Unary::Power(exponent) => of.powf(exponent),
        Unary::Clamped(low, high) => or_not_a_number(of, &of.clamp(low, high)?),
        Unary::Square => of.sqr(),
        Unary::Root => of.sqrt(),
        Unary::Magnitude => of.abs(),
        Unary::Sign => or_not_a_number(of, &of.sign()?),
        Unary::Rounded(dtype) => of.to_dtype(candles(dtype))?.to_dtype(candle_core::DType::F64),
    }
}

fn binary(operation: Binary, left: &Tensor, right: &Tensor) -> Result<Tensor> {
    match operation {
        Binary::Plus => left + right,
        Binary::Minus => left - right,
        Binary::Times => left * right,
        Binary::DividedBy => left / right,
        Binary::Maximum => or_not_a_number(left, &or_not_a_number(right, &left.maximum(right)?)?),
        Binary::Minimum => or_not_a_number(left, &or_not_a_number(right, &left.minimum(right)?)?),
    }
}

/// `result`, but not-a-number where `of` is: devices pass it over.
fn or_not_a_number(of: &Tensor, result: &Tensor) -> Result<Tensor> {
    // Alone of all values it is not equal to itself.
    of.ne(of)?.where_cond(of, result)
}

/// Values that come back to the CPU.
fn kept(values: &Tensor, dtype: DType, tensor: &TensorType) -> std::result::Result<Block, TensorError> {
    if dtype.is_float() {
        let back = values.to_dtype(candles(dtype)).and_then(|values| values.to_device(&candle_core::Device::Cpu));
        return Ok(Block::Stored(back.map_err(fault)?));
    }
    let values = values.to_vec1::<f64>().map_err(fault)?;
    let rounded = Buffer::rounded(dtype, &values);
    let unrepresentable = |value| TensorError::Unrepresentable { name: tensor.name.clone(), value, dtype };
    Ok(rounded.map_err(unrepresentable)?.into_block())
}

fn candles(dtype: DType) -> candle_core::DType {
    match dtype {
        DType::F64 => candle_core::DType::F64,
        DType::F32 => candle_core::DType::F32,
        DType::F16 => candle_core::DType::F16,
        DType::BF16 => candle_core::DType::BF16,
        DType::I64 => candle_core::DType::I64,
        DType::U32 => candle_core::DType::U32,
        DType::U8 => candle_core::DType::U8,
    }
}

#[allow(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn fault(error: candle_core::Error) -> TensorError {
    TensorError::Device { message: error.to_string() }
}
